"""A log in two: what is known and what is judged never meet; and the whole command on a small run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.numpy import load_file

from hyperdyn import build, cli
from hyperdyn.envs.spec import Family
from hyperdyn.evaluate import log as evaluation
from hyperdyn.logs.episodes import Episode, LogError
from hyperdyn.module import CHECKPOINT_VERSION
from hyperdyn.types import Transitions

ENCODER = {"_target_": "hyperdyn.nn.encoders.information.InformationEncoder", "_partial_": True, "hidden_dim": 8}


def labelled(*steps: int) -> list[Episode]:
    """Episodes whose observations say (episode, t)."""
    found = []
    for e, length in enumerate(steps):
        obs = np.array([[e, t] for t in range(length + 1)], np.float32)
        found.append(Episode(str(e), obs, obs[:-1, 1:] / 100))
    return found


def test_known_and_judged_steps_never_meet() -> None:
    log = evaluation.hold_out(labelled(7, 4, 9), history=9, horizon=2, windows=100)
    known = {tuple(row) for row in log.known.obs[0].tolist()}
    assert known == {(0, t) for t in range(7)} | {(1, 0), (1, 1)}
    judged = {tuple(row) for row in log.query.obs[0].reshape(-1, 2).tolist()}
    assert judged == {(1, 2), (1, 3)} | {(2, t) for t in range(9)}
    assert torch.equal(log.query.next_obs[..., 1], log.query.obs[..., 1] + 1)
    assert torch.equal(log.query.next_obs[..., 0], log.query.obs[..., 0])
    assert torch.allclose(log.query.action[..., 0] * 100, log.query.obs[..., 1])
    assert log.where == tuple([("1", 2)] + [("2", t) for t in range(8)])


def test_fewer_windows_are_spread_over_the_whole_rest() -> None:
    log = evaluation.hold_out(labelled(100), history=10, horizon=5, windows=3)
    assert log.where == (("0", 10), ("0", 52), ("0", 95))


def test_contexts_of_one_log_are_nested() -> None:
    log = evaluation.hold_out(labelled(50), history=16, horizon=2, windows=8)
    assert evaluation.history_sizes(16) == [0, 1, 4, 16]
    assert log.context(0).mask.shape == (1, 0)
    assert torch.equal(log.context(4).history.obs, log.context(16).history.obs[:, :4])


@pytest.mark.parametrize(("history", "horizon"), [(60, 1), (40, 11), (0, 51)])
def test_a_log_that_is_too_short_is_refused(history: int, horizon: int) -> None:
    with pytest.raises(LogError, match="too short"):
        evaluation.hold_out(labelled(50), history, horizon, 8)


@pytest.fixture
def run_folder(point_mass: Family, tmp_path: Path) -> Path:
    """A run of an untrained model, and a log of its family beside it."""
    node = {"_target_": "hyperdyn.models.hyper.Hyper", "hidden": [8], "encoder": ENCODER}
    recipe = build.recipe(node, point_mass)
    model = build.model(recipe)
    rng = np.random.default_rng(0)
    action = rng.uniform(-1, 1, (1, 1, 60, 1))
    start = np.ones((1, 1, 2))
    after = point_mass.simulate(np.array([[1.0, 0.5]])).rollout(start, action)
    obs = np.concatenate([start[:, :, None], after], axis=2)[0, 0]
    as_tensors = (torch.from_numpy(v).float() for v in (obs[:-1], action[0, 0], obs[1:]))
    model.norm.fit([Transitions(*as_tensors)])
    state = {f"model.{k}": v for k, v in model.state_dict().items()}
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    torch.save(
        {"hyperdyn": {"version": CHECKPOINT_VERSION, **recipe}, "state_dict": state}, folder / "checkpoints/last.ckpt"
    )
    env = {"name": "point_mass", "dt": 0.1, "entries": ["x [m]", "v [m/s]"]}
    OmegaConf.save(OmegaConf.create({"env": env, "method": "hyper", "seed": 0}), folder / "config.yaml")
    lines = ["x [m],v [m/s],a0", *(f"{s[0]},{s[1]},{a[0]}" for s, a in zip(obs, [*action[0, 0], [0]], strict=True))]
    (tmp_path / "log.csv").write_text("\n".join(lines))
    return folder


def test_a_log_becomes_an_expert_and_a_report(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = run_folder.parent / "log.csv"
    assert cli.main(["adapt", str(run_folder), str(log), "history=16", "horizon=3"]) == 0, capsys.readouterr().err
    out = run_folder / "adapted" / "log"
    scores = json.loads((out / "scores.json").read_text())["scores"]
    assert [s["history"] for s in scores] == [0, 1, 4, 16]
    assert all(len(s["nrmse"]) == 3 and np.isfinite(s["nrmse"]).all() for s in scores)
    assert (out / "report.html").read_text().count("<img") == 2
    assert "K = 16" in capsys.readouterr().out
    assert load_file(out / "expert" / "expert.safetensors")["weight0"].shape == (2, 8)
    about = json.loads((out / "expert" / "expert.json").read_text())
    assert (about["entries"], about["dt"], about["history"]) == (["x [m]", "v [m/s]"], 0.1, 16)


def test_another_unit_is_noticed(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = run_folder.parent / "log.csv"
    header, *rows = log.read_text().splitlines()
    numbers = [row.split(",") for row in rows]
    log.write_text("\n".join([header, *(f"{x},{1000 * float(v)},{a}" for x, v, a in numbers)]))
    assert cli.main(["adapt", str(run_folder), str(log), "history=16", "horizon=3"]) == 0
    out = capsys.readouterr().out
    assert "far from training" in out
    assert "v [m/s] (" in out


def test_a_mistake_is_answered_in_words(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = run_folder.parent / "log.csv"
    for args, said in [
        ([str(run_folder)], "'adapt' needs log"),
        ([str(run_folder), str(log), "history=-1"], "windows that cannot be"),
        ([str(run_folder), str(log), "history=1000"], "too short"),
        ([str(run_folder), "none.csv"], "there is no such log"),
    ]:
        assert cli.main(["adapt", *args]) == 1
        assert said in capsys.readouterr().err
