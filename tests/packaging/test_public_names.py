"""What `import hyperdyn` offers: documented, with an example that runs."""

from __future__ import annotations

import doctest
import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import hyperdyn

NAMES = [n for n in hyperdyn.__all__ if not n.startswith("__")]


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_is_documented_by_an_example_that_runs(
    name: str, shown_runs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(shown_runs)
    assert name in dir(hyperdyn)
    text = getattr(hyperdyn, name).__doc__
    assert text
    examples = doctest.DocTestParser().get_doctest(text, {}, name, None, 0)
    assert examples.examples, f"no example in the docstring of hyperdyn.{name}"
    said = io.StringIO()
    doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE).run(examples, out=said.write)
    assert not said.getvalue(), said.getvalue()


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'lode'"):
        _ = hyperdyn.lode


def test_importing_the_package_loads_no_torch() -> None:
    code = "import sys, hyperdyn; dir(hyperdyn); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0


def test_five_lines_from_a_checkpoint_to_a_plan(shown_runs: Path) -> None:
    family = hyperdyn.family("pendulum")
    objective, obs = family.objective, torch.tensor([[1.0, 0.0, 0.0]])
    rng = np.random.default_rng(0)
    history = hyperdyn.Context.of(rng.normal(size=(8, 3)), rng.uniform(-1, 1, (8, 1)), rng.normal(size=(8, 3)))

    model = hyperdyn.load(shown_runs / "runs/pendulum-hyper")
    expert = model.adapt(history)
    plan = hyperdyn.CEM(horizon=5).plan(hyperdyn.cost(expert, obs, objective))

    assert plan.actions.shape == (1, 5, 1)
    assert plan.actions.abs().max() <= 1
    again = hyperdyn.CEM(horizon=5).plan(hyperdyn.cost(expert, obs, objective))
    assert torch.equal(plan.actions, again.actions)
