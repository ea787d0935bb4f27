"""The method of the guide keeps the contract, and trains and is evaluated as the guide says."""

import json
import os
import re
import shlex
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest
import torch
from omegaconf import OmegaConf

from hyperdyn import build
from hyperdyn.envs.spec import Family
from hyperdyn.types import Context, Transitions

ROOT = Path(__file__).parents[2]
QUICK = {
    "train": "trainer=cpu trainer.max_steps=2 trainer.enable_progress_bar=false data.systems=2 data.rows=4 ~callbacks",
    "evaluate": "rows=2 horizon=2 'history_sizes=[0,4]'",
}
RUN = """
import json, sys
from hyperdyn.cli import main
sys.exit(any(main(args) for args in json.loads(sys.argv[1])))
"""


@pytest.fixture
def recipe(point_mass: Family, monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.syspath_prepend(ROOT / "examples" / "offset")
    return build.recipe(OmegaConf.load(ROOT / "examples" / "offset" / "offset.yaml"), point_mass)


def test_it_corrects_its_network_by_the_mean_of_what_is_known(recipe: dict[str, object]) -> None:
    model = build.model(recipe)
    assert type(model) is import_module("offset").Offset
    assert model.executed_sizes == (model.spec.input_dim, 128, 128, model.spec.change_dim)
    obs, action = torch.randn(2, 3, 2), torch.randn(2, 3, 1)
    with torch.no_grad():
        plain = model.adapt(Context.empty(2, model.spec))
        own = plain.step(obs, action).next_obs  # of which the history is off by 1 in each of its K = 3 transitions
        next_obs, mask = own + model.norm.change_std, torch.ones(2, 3, dtype=torch.bool)
        told = model.adapt(Context(Transitions(obs, action, next_obs), mask))
        torch.testing.assert_close(told.step(obs, action).next_obs, own + 0.75 * model.norm.change_std)
        one = torch.tensor([[False, True, False]] * 2)
        hidden = torch.where(one[..., None], next_obs, torch.nan)
        told = model.adapt(Context(Transitions(obs, action, hidden), one))
        torch.testing.assert_close(told.step(obs, action).next_obs, own + 0.5 * model.norm.change_std)


def test_it_trains_and_is_evaluated_as_the_guide_says(shown_runs: Path, tmp_path: Path) -> None:
    guide = (ROOT / "docs" / "extending.md").read_text()
    commands = [
        shlex.split(f"{line} {QUICK[line.split()[0]]}") for line in re.findall("^hyperdyn (.*offset.*)$", guide, re.M)
    ]
    assert [name for name, *_ in commands] == ["train", "evaluate"]
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (tmp_path / "data").symlink_to(shown_runs / "data")
    (path,) = re.findall("^export PYTHONPATH=(.*offset)$", guide, re.M)
    env = {**os.environ, "PYTHONPATH": path, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    run = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(commands)], cwd=tmp_path, env=env, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr + run.stdout
    results = json.loads((tmp_path / "runs" / "pendulum-offset" / "results.json").read_text())
    assert {(r["method"], r["history"]) for r in results["prediction"]} == {("offset", 0), ("offset", 4)}
