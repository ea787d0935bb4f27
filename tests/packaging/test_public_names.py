"""What `import hyperdyn` offers, and that what README shows of it runs."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

import hyperdyn
from hyperdyn.cli import main

README = (Path(__file__).parents[2] / "README.md").read_text()


@pytest.mark.parametrize("name", [n for n in hyperdyn.__all__ if not n.startswith("__")])
def test_every_public_name_is_there_and_documented(name: str) -> None:
    assert getattr(hyperdyn, name).__doc__
    assert name in dir(hyperdyn)


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = hyperdyn.lode


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, hyperdyn; dir(hyperdyn); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_from_a_checkpoint_to_a_plan_as_the_readme_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    systems = ["systems.train=2", "systems.interpolation=1", "systems.extrapolation=1", "episodes=2", "steps=10"]
    quick = [
        "trainer.max_steps=1",
        "trainer.enable_progress_bar=false",
        "trainer.accelerator=cpu",
        "data.systems=2",
        "data.rows=4",
    ]
    quick += ["callbacks=rollout_error", "callbacks.rollout_error.rows=2", "callbacks.rollout_error.horizon=2"]
    assert main(["collect", "env=cheetah_mix", *systems, "workers=0"]) == 0
    assert main(["train", "env=cheetah_mix", "model.hidden=[8]", "data.history_sizes=[4]", *quick]) == 0
    (shown,) = (block for block in re.findall(r"```python\n(.*?)```", README, re.S) if "hyperdyn.load" in block)
    names: dict[str, object] = {}
    exec(shown, names)
    actions = names["plan"].actions  # type: ignore[attr-defined]
    assert actions.shape == (1, 16, 6)
    assert actions.abs().max() <= 1
