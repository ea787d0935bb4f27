"""A benchmark, tiny: interrupted and started again it ends as it would have; its tables say what its file does."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperdyn import config
from hyperdyn.bench.publication import Publication
from hyperdyn.bench.suite import Suite
from hyperdyn.bench.tables import family_tables, paired_table, prediction_table
from hyperdyn.checkpoint import DIVERGED
from hyperdyn.cli import COMMANDS, _split, main
from hyperdyn.commands.beside import all_beside
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate.paired import error_difference, error_ratio
from hyperdyn.evaluate.results import Results
from hyperdyn.module import DynamicsModule
from hyperdyn.statistics import iqm, paired_ratio, rms

LISTS = {
    "collect": [
        ["systems.train=3", "systems.interpolation=0", "systems.extrapolation=0", "episodes=2", "steps=20", "workers=0"]
    ],
    "evaluation": ["episodes=2", "steps=20", "seed=9", "workers=0"],
    "train": [
        "trainer.max_steps=4", "trainer.enable_progress_bar=false", "~callbacks", "checkpoint_every=2",
        "data.systems=2", "data.rows=4", "model.hidden=[8]", "data.history_sizes=[0,4]",
    ],
    "evaluate": ["history_sizes=[0,4]", "horizon=3", "rows=4"],
    "change": ["systems=2", "episodes=1", "steps=8", "step=4", "windows=[4]", "forgetting=[]", "factors={mass: 1.2}"],
}  # fmt: skip
TINY = [
    "suite.name=tiny", "suite.systems=3", "suite.usual_history=4", "suite.kept_horizon=2", "suite.executed=[8]",
    "suite.families.pendulum.heatmap=[]", "workers=0",
]  # fmt: skip


def bench(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    lists = [f"suite.{key}={json.dumps(value)}" for key, value in LISTS.items()]
    return main(["bench", *TINY, *lists, *more])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a benchmark that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        assert bench(folder, patch) == 0
    return folder


@pytest.fixture
def published(whole: Path) -> Publication:
    return Publication.load(whole / "results/tiny/pendulum.json")


def scores(folder: Path) -> dict[str, Any]:
    """What is published, apart from what a clock measured."""
    content = json.loads((folder / "results/tiny/pendulum.json").read_text())
    for record in [*content["methods"], *content["bench"]["cells"]]:
        record["training_seconds"] = record["decision_seconds"] = None
    return dict(content)


def test_an_interrupted_benchmark_goes_on_to_the_same_end(
    whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped in the middle of the second of four trainings: the first cell is not touched again."""
    step, taken = DynamicsModule.training_step, []

    def interrupted(self: DynamicsModule, *args: object) -> object:
        taken.append(1)
        if len(taken) == 4 + 3:
            raise KeyboardInterrupt
        return step(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr("hyperdyn.commands.bench.write_pages", lambda *_: [])
    with monkeypatch.context() as patch:
        patch.setattr(DynamicsModule, "training_step", interrupted)
        assert bench(tmp_path, monkeypatch) == 130
    first = [tmp_path / "runs/bench/tiny/pendulum/hyper-0" / f for f in ("checkpoints/last.ckpt", "results.json")]
    before = [f.stat().st_mtime_ns for f in first]
    assert bench(tmp_path, monkeypatch) == 0
    assert [f.stat().st_mtime_ns for f in first] == before
    assert scores(tmp_path) == scores(whole)


def test_a_whole_benchmark_has_nothing_left_to_do(whole: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    assert bench(whole, monkeypatch, "launch=print", "stages=[train,evaluate,plan]") == 0
    assert capsys.readouterr().out == ""


def test_each_line_that_is_printed_is_an_ordinary_command(tmp_path: Path, monkeypatch, capsys) -> None:
    assert bench(tmp_path, monkeypatch, "launch=print", "method=fixed", "seed=1") == 0
    collecting, cell = capsys.readouterr().out.splitlines()
    commands = [shlex.split(c)[1:] for line in (collecting, cell) for c in line.split(" && ")]
    assert [c[0] for c in commands] == ["collect", "collect", "train", "evaluate", "change"]
    for name, *rest in commands:
        cfg = config.compose(name, _split(COMMANDS[name], rest)[1])
    assert cfg.runs == ["runs/bench/tiny/pendulum/fixed-1"]
    assert not (tmp_path / "data").exists()


def test_evaluation_episodes_are_in_no_training_set(whole: Path) -> None:
    hashes = [
        {s["sha256"] for s in json.loads((whole / "data/bench/tiny" / name / "manifest.json").read_text())["shards"]}
        for name in ("pendulum", "pendulum-evaluation")
    ]
    assert not hashes[0] & hashes[1]


def test_other_protocols_and_other_trainings_in_the_same_folder_are_refused(whole: Path, monkeypatch, capsys) -> None:
    assert bench(whole, monkeypatch, "suite.systems=2") == 1
    assert "another protocol" in capsys.readouterr().err
    assert bench(whole, monkeypatch, '+suite.methods.fixed.train=["module.lr=1e-5"]') == 1
    assert "other values of module.lr" in capsys.readouterr().err


def test_what_is_published_was_made_as_the_suite_says_now(whole: Path, monkeypatch, capsys) -> None:
    """Whichever families were asked for: a file tells the protocol of all its cells, and how they were trained."""
    before = (whole / "results/tiny/pendulum.json").read_bytes()
    assert bench(whole, monkeypatch, "stages=[merge]", "family=[]", "suite.systems=2") == 1
    assert "another protocol" in capsys.readouterr().err
    assert bench(whole, monkeypatch, "stages=[merge]", "seed=0", '+suite.methods.fixed.train=["module.lr=1e-5"]') == 1
    assert "other values of module.lr" in capsys.readouterr().err
    assert (whole / "results/tiny/pendulum.json").read_bytes() == before


def test_a_part_says_which_part_it_is(whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    """hyper diverged with seed 1, and fixed is trained with it and not evaluated yet: neither has scores of seed 1."""
    shutil.copytree(whole, tmp_path / "part")
    cells = tmp_path / "part/runs/bench/tiny/pendulum"
    (cells / "hyper-1/results.json").unlink()
    (cells / "hyper-1" / DIVERGED).write_text("the training loss is not finite")
    trained = Results.load(cells / "fixed-1/results.json")
    replace(trained, prediction=(), change=(), uncertainty=()).save(cells / "fixed-1/results.json")
    (tmp_path / "part/results/tiny/ant_slope.json").write_text("{}")
    assert bench(tmp_path / "part", monkeypatch, "stages=[merge]") == 0
    (earlier,) = [line for line in capsys.readouterr().out.splitlines() if "was made earlier" in line]
    assert "ant_slope.json" in earlier
    p = Publication.load(tmp_path / "part/results/tiny/pendulum.json")
    assert p.about["seeds"] == [0]
    assert {(c["method"], c["seed"]) for c in p.about["cells"]} == {("hyper", 0), ("fixed", 0)}
    assert p.about["command"] == "hyperdyn bench suite=tiny family=pendulum 'seed=[0]'"
    assert p.about["diverged_trainings"] == [{"method": "hyper", "seed": 1}]
    text = (tmp_path / "part/results/tiny/tables.md").read_text()
    assert f"Made with `{p.about['command']}`." in text
    assert "training seeds: 1 (diverged in training and left out: hyper with seed 1)" in text


def test_tables_say_what_the_file_does(published: Publication) -> None:
    """Recomputed from the records by hand."""
    content = {
        (r.method, r.split, r.seed): np.array(r.per_system) for r in published.results.prediction if r.history == 4
    }
    table = prediction_table(published)
    column = table.columns.index("in range, 3 steps")
    grids = {m: np.stack([content[m, "interpolation", s] for s in (0, 1)]) for m in ("hyper", "fixed")}
    for row in table.rows:
        pooled = np.sqrt(np.mean(grids[row[0]][:, :, 2] ** 2))
        assert row[column].split(" [")[0] == f"{pooled:.3f}"
    (ratio,) = paired_table(published, error_ratio, "ratio").rows
    expected = rms(grids["hyper"][:, :, 0].ravel()) / rms(grids["fixed"][:, :, 0].ravel())
    assert ratio[0] == "hyper"
    assert ratio[table.columns.index("in range, 1 step")].split(" [")[0] == f"{expected:.2f}"
    (minus,) = (differences := paired_table(published, error_difference, "minus")).rows
    expected = rms(grids["hyper"][:, :, 0].ravel()) - rms(grids["fixed"][:, :, 0].ravel())
    assert minus[table.columns.index("in range, 1 step")].split(" [")[0] == f"{expected:+.3f}"
    assert "difference of root mean squares" in differences.note
    assert "[95 % interval over 2 training seeds and 3 systems]" in table.note
    assert "[95 % interval over 2 training seeds and 3 systems]" in differences.note


def test_a_change_in_mid_episode_is_judged_and_published(published: Publication) -> None:
    assert published.about["protocol"]["change"]["step"] == 4
    assert {(r.method, r.seed, r.adaptation) for r in published.results.change} == {
        (method, seed, "K = 4") for method in ("hyper", "fixed") for seed in (0, 1)
    }
    titles = [t.title for t in family_tables(published)]
    assert "A change in mid-episode" in titles


def test_only_the_usual_history_is_published_in_full(published: Publication) -> None:
    assert {r.history: len(r.per_system[0]) for r in published.results.prediction} == {0: 2, 4: 3}


def test_the_pages_hold_every_table(whole: Path, published: Publication) -> None:
    table = prediction_table(published)
    texts = [(whole / "results/tiny" / name).read_text() for name in ("tables.md", "report.html")]
    for cell in (c for row in table.rows for c in row):
        assert all(cell in text for text in texts)


def test_a_command_that_fails_stops_no_other(tmp_path: Path) -> None:
    lines = {"good": [["--version"], ["--help"]], "bad": [["trian"], ["--version"]]}
    logs = {name: tmp_path / f"{name}.log" for name in lines}
    ended = dict(all_beside(lines, logs, 2, 1))
    assert ended["good"] is None
    assert "bad.log" in str(ended["bad"])
    assert "usage" in logs["good"].read_text()
    assert "hyperdyn 0" not in logs["bad"].read_text()  # what follows a failure is not tried


def test_a_suite_names_what_it_does_not_know() -> None:
    good = {
        "name": "s", "methods": {"fixed": {}}, "families": {"pendulum": None}, "seeds": [0], "reference": "fixed",
        "executed": [8], "collect": [["episodes=1"]],
    }  # fmt: skip
    assert Suite.read(good).collect == (("episodes=1",),)
    for wrong, message in [
        ({"methods": {"fixed": {"tranl": []}}}, "did you mean 'train'"),
        ({"reference": "fixd"}, "did you mean 'fixed'"),
        ({"seeds": []}, "without seeds"),
        ({"sistems": 3}, "did you mean 'systems'"),
    ]:
        with pytest.raises(ConfigError, match=message):
            Suite.read({**good, **wrong})


def test_a_paired_ratio_cancels_what_is_common() -> None:
    rng = np.random.default_rng(0)
    level = np.exp(rng.normal(size=(3, 20)))
    found = paired_ratio(0.6 * level, level, rng=rng)
    assert (found.value, found.low, found.high) == pytest.approx((0.6, 0.6, 0.6))
    other = paired_ratio(level, level[:, ::-1], rng=rng, statistic=iqm)
    assert other.low < 1 < other.high
