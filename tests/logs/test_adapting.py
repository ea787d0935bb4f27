"""A log in two: what is known and what is judged never meet; and the whole command on a small run."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.numpy import load_file

import hyperdyn
from hyperdyn import build, cli
from hyperdyn.deploy.plain import PlainExpert
from hyperdyn.envs.spec import Family
from hyperdyn.evaluate import log as evaluation
from hyperdyn.logs.episodes import Episode, LogError
from hyperdyn.logs.reading import read_log
from hyperdyn.logs.systems import of_system
from hyperdyn.module import CHECKPOINT_VERSION
from hyperdyn.shards.format import Header
from hyperdyn.shards.store import ShardStore
from hyperdyn.types import StateSpec, Transitions

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
    out = run_folder / "adapted" / "log.csv"
    scores = json.loads((out / "scores.json").read_text())["scores"]
    assert [s["history"] for s in scores] == [0, 1, 4, 16]
    assert all(len(s["nrmse"]) == 3 and np.isfinite(s["nrmse"]).all() for s in scores)
    assert (out / "report.html").read_text().count("<img") == 2
    assert "K = 16" in capsys.readouterr().out
    assert load_file(out / "expert" / "expert.safetensors")["weight0"].shape == (2, 8)
    about = json.loads((out / "expert" / "expert.json").read_text())
    assert (about["entries"], about["dt"], about["history"]) == (["x [m]", "v [m/s]"], 0.1, 16)


def test_the_run_may_be_named_as_its_checkpoint(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log, file = run_folder.parent / "log.csv", run_folder / "checkpoints" / "last.ckpt"
    settings = ["history=4", "horizon=3", "figures.windows=1"]
    for named in (["--checkpoint", str(run_folder)], [f"--checkpoint={file}"]):
        out = run_folder.parent / f"out{len(named)}"
        assert cli.main(["adapt", *named, str(log), f"out={out}", *settings]) == 0, capsys.readouterr().err
        assert (out / "report.html").exists()
    assert cli.main(["adapt", str(log), "--checkpoint"]) == 1
    assert "--checkpoint needs a value" in capsys.readouterr().err


def test_logs_of_one_name_do_not_overwrite_each_other(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = run_folder.parent / "log.csv"
    table = np.genfromtxt(log, delimiter=",", skip_header=1)
    np.savez(log.with_suffix(".npz"), obs=table[:, :2], action=table[:, 2:])
    settings = ["history=4", "horizon=3", "figures.windows=1"]
    for path in (log, log.with_suffix(".npz"), log):  # the same log again may be
        assert cli.main(["adapt", str(run_folder), str(path), *settings]) == 0, capsys.readouterr().err
    assert {p.name for p in (run_folder / "adapted").iterdir()} == {"log.csv", "log.npz"}
    other = run_folder.parent / "another_day" / "log.csv"
    other.parent.mkdir()
    other.write_text(log.read_text())
    before = (run_folder / "adapted" / "log.csv" / "report.html").read_bytes()
    assert cli.main(["adapt", str(run_folder), str(other), *settings]) == 1
    assert "holds what came of another log" in capsys.readouterr().err
    assert (run_folder / "adapted" / "log.csv" / "report.html").read_bytes() == before


@pytest.fixture
def two_systems(point_mass: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A Minari dataset of two systems, two episodes each, that came from shards."""
    pytest.importorskip("minari", reason="the extra 'minari' is not installed")
    from hyperdyn.interchange import export_minari

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    header = Header(point_mass.env_id, point_mass.name, point_mass.factor_names, 2, 1, point_mass.dt, seed=0)
    store = ShardStore.create(tmp_path / "shards", header)
    rng, factors = np.random.default_rng(0), np.array([[0.5, 0.1], [2.0, 1.0]])
    action = rng.uniform(-1, 1, (2, 2, 30, 1)).astype(np.float32)
    states = point_mass.simulate(factors).rollout(np.zeros((2, 2, 2)), action.astype(np.float64))
    obs = np.concatenate([np.zeros((2, 2, 1, 2)), states], axis=2)
    for n in range(2):
        store.append(split="train", system=n, round=0, factors=factors[n].tolist(), obs=obs[n], action=action[n])
    export_minari(store, "point/mass-v0")
    return "minari:point/mass-v0"


def test_each_system_of_a_dataset_is_adapted_to_on_its_own(
    two_systems: str, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["history=40", "horizon=3", "figures.windows=1"]  # more than one episode: none of the other system's
    assert cli.main(["adapt", str(run_folder), two_systems, *settings]) == 0, capsys.readouterr().err
    out = run_folder / "adapted" / "point-mass-v0"
    assert {p.name for p in out.iterdir()} == {"train-0", "train-1"}
    said = capsys.readouterr().out
    assert "of 2 systems" in said
    assert "train-1: open" in said
    model, episodes = hyperdyn.load(run_folder / "checkpoints" / "last.ckpt"), read_log(two_systems, StateSpec(2, 1))
    for name, own in (("train-0", episodes[:2]), ("train-1", episodes[2:])):
        expected = evaluation.expert_of(model, evaluation.hold_out(own, 40, 3, 1).context(40))
        saved = load_file(out / name / "expert" / "expert.safetensors")
        np.testing.assert_allclose(saved["weight0"], PlainExpert.of(expected).layers[0][0], rtol=1e-5)


def test_one_system_of_a_dataset_is_chosen_by_name(
    two_systems: str, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = ["history=8", "horizon=3", "figures.windows=1"]
    assert cli.main(["adapt", str(run_folder), two_systems, "system=train-1", *settings]) == 0
    assert [p.name for p in (run_folder / "adapted" / "point-mass-v0").iterdir()] == ["train-1"]
    assert cli.main(["adapt", str(run_folder), two_systems, "system=train-7"]) == 1
    assert "there are: train-0, train-1" in capsys.readouterr().err
    export = [
        "export",
        str(run_folder),
        f"out={tmp_path / 'out'}",
        f"log={two_systems}",
        "formats=[plain]",
        "history=8",
    ]
    assert cli.main(export) == 1
    assert "this log is of several systems" in capsys.readouterr().err
    assert cli.main([*export, "system=train-1"]) == 0
    with pytest.raises(LogError, match="does not name any"):
        of_system(labelled(7), "train-1")


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
