"""What README and docs show is run: Python as it stands, commands on the smallest family and for a few steps."""

from __future__ import annotations

import re
import shlex
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import hyperdyn
from hyperdyn import build, cli, config
from hyperdyn.extras import EXTRAS

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(page: Path, *languages: str) -> list[str]:
    """Fenced blocks; a line that goes on is one line."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(), re.S | re.M)
    return [re.sub(r" *\\\n *", " ", text) for language, text in found if language in languages]


@pytest.fixture
def desk(shown_runs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of one's own with the tiny runs, where the user stands."""
    shutil.copytree(shown_runs, tmp_path / "desk")
    monkeypatch.chdir(tmp_path / "desk")
    return tmp_path / "desk"


@pytest.mark.parametrize("page", [p for p in PAGES if blocks(p, "python")], ids=lambda p: p.name)
def test_every_python_block_runs(page: Path, desk: Path) -> None:
    """One after the other, as a reader would: names of earlier blocks are there."""
    cfg = config.compose("train", ["env=cheetah_mix"])
    model = build.model(build.recipe(cfg.model, build.family(cfg.env)))
    hyperdyn.save_pretrained(model, "runs/cheetah_mix-hyper")
    names: dict[str, object] = {"obs": np.zeros((1, 3), np.float32), "action": np.zeros((1, 1), np.float32)}
    left_out = []
    for block in blocks(page, "python"):
        wanted = [e for e in EXTRAS if re.search(rf"^(import|from) {e}\b", block, re.M)]
        wanted += ["huggingface_hub"] if "hyperdyn.hub" in block else []
        missing = [name for name in wanted if find_spec(name) is None]
        if "deployed/" in block and not missing:
            assert cli.main(["export", "runs/pendulum-hyper", "out=deployed", "parts=[expert]", "formats=[onnx]"]) == 0
        if missing:
            left_out += missing
        else:
            exec(compile(block, page.name, "exec"), names)
    if left_out:
        pytest.skip(f"blocks that need {', '.join(left_out)}, which is not installed")


ELSEWHERE = {
    r"trainer=gpus|hydra/launcher": "needs a GPU or a cluster",
    r"-m |--multirun|sweep-|runs/(mix|planning|outline)/": "a sweep; its values are checked by test_documents",
    r"^hyperdyn bench": "trains a table of methods; tests/bench runs it on a small suite",
    r"experiment=|_probabilistic|system_experts": "a recipe of minutes; composed by test_documents",
    r"^hyperdyn demo": "takes minutes; tests/cli runs it small",
    r"pushing|hyper_vision": "needs PyBullet, pictures or minutes; tests/collect and tests/vision run them small",
    r"minari": "needs the extra minari; tests/collect goes there and back",
    r"onnx": "needs the extra onnx; tests/deploy writes it",
    r"my_robot|=cart\b|runs/cart|moon_pendulum|cart_pole|offset": "of examples/, run by its own tests",
    r"callbacks\.": "one callback among those that take long; composed by test_documents",
    r"--help|COMMAND|\bDIR\b|\bRUN\b|needs Python": "a pattern, not a command",
    r"^hyperdyn (adapt|collect|check-env|change|doctor|evaluate|export|plan|report|train)$": "a name, not a command",
    r"^hyperdyn (doctor|change|check-env)": "run by the tests of that command",
    r"my_log\.csv": "run below, with a log that has these columns",
}
"""Commands that are not run here, and why."""

FEW = ["systems.train=2", "systems.interpolation=1", "systems.extrapolation=1", "episodes=2", "steps=20", "workers=0"]
QUICK = {
    "collect": [*FEW, "data_dir=data/again"],
    "train": [
        *("trainer=cpu", "trainer.max_steps=1", "trainer.enable_progress_bar=false", "data.systems=2", "data.rows=4"),
        *("~callbacks", "name=again"),
    ],
    "evaluate": ["rows=2", "horizon=2", "history_sizes=[0,4]"],
    "plan": ["systems=1", "steps=2", "workers=0", "bounds=false", "planner.candidates=16", "planner.horizon=4"],
    "report": [],
    "export": ["parts=[expert]", "formats=[plain]"],
}


def shown() -> list[str]:
    found = []
    for page in PAGES:
        lines = "\n".join(blocks(page, "console", "bash")).splitlines()
        lines += re.findall(r"`(hyperdyn [^`]+)`", page.read_text())
        found += [re.sub(r"\s+#.*", "", line).strip() for line in lines]
    return sorted({line for line in found if line.startswith("hyperdyn ")})


HERE = [c for c in shown() if not any(re.search(pattern, c) for pattern in ELSEWHERE)]


@pytest.mark.parametrize("command", HERE)
def test_every_cheap_command_runs(command: str, desk: Path) -> None:
    """With the pendulum in the place of other families, and a few steps."""
    _, name, *rest = shlex.split(re.sub(r"cheetah_mix", "pendulum", command))
    env = [] if name != "train" or any(r.startswith("env=") for r in rest) else ["env=pendulum"]
    told = {r.split("=")[0] for r in rest if r.startswith("planner.")}
    assert cli.main([name, *env, *rest, *(q for q in QUICK[name] if q.split("=")[0] not in told)]) == 0


def test_every_exception_is_of_use() -> None:
    commands = shown()
    for pattern in ELSEWHERE:
        assert any(re.search(pattern, c) for c in commands), pattern
    assert len(HERE) >= 8


@pytest.mark.parametrize("command", [c for c in shown() if "my_log.csv" in c and "onnx" not in c])
def test_commands_that_read_a_log_run(command: str, desk: Path) -> None:
    """On a log of the family with the columns that the command names."""
    family = hyperdyn.family("pendulum")
    env = family.make(family.draw("interpolation", 1, 0)[0])
    header = [*family.entry_names, "a0"]
    options = dict(word.split("=", 1) for word in shlex.split(command) if "=" in word)
    for key, at in (("columns.obs", slice(0, 3)), ("columns.action", slice(3, 4))):
        if key in options:
            header[at] = options[key].strip("[]").split(",")
    timed = "columns.time" in options
    rows = [",".join(["episode", *(["t"] if timed else []), *header])]
    rng = np.random.default_rng(0)
    for episode in range(3):
        obs, _ = env.reset(seed=episode)
        for t in range(60):
            action = rng.uniform(-1, 1, 1).astype(np.float32)
            values = [*obs, action[0] * float(options.get("columns.action_scale", 1))]
            rows.append(
                ",".join([str(episode), *([f"{t * family.dt:.3f}"] if timed else []), *(f"{v:.6f}" for v in values)])
            )
            obs = env.step(action)[0]
    Path("my_log.csv").write_text("\n".join(rows) + "\n")
    quick = QUICK["export"] if " export " in command else []
    assert cli.main([*shlex.split(command)[1:], *quick]) == 0
