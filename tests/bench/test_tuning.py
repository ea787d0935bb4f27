"""The same trials for every method, judged where no test split has a say, and what wins is what trains."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from omegaconf import DictConfig, OmegaConf

from hyperdyn.bench import cells as cells_module
from hyperdyn.bench import tuning
from hyperdyn.bench.cells import Cell, Place, cells
from hyperdyn.bench.check import faults
from hyperdyn.bench.publication import Publication
from hyperdyn.bench.suite import Suite
from hyperdyn.bench.tables import tuning_table
from hyperdyn.cli import main
from hyperdyn.commands.cells import try_settings
from hyperdyn.config import compose
from hyperdyn.errors import ConfigError, DivergedError
from hyperdyn.evaluate.results import PredictionScore, Results
from hyperdyn.module import DynamicsModule

FEW = ["episodes=2", "steps=20", "workers=0"]
SETTINGS = [["module.lr=1e-9"], ["module.lr=1e-2", "module.weight_decay=0.0"]]
SUITE: dict[str, Any] = {
    "name": "tried", "methods": {"fixed": {}}, "families": {"pendulum": {}}, "seeds": [3], "reference": "fixed",
    "executed": [8], "systems": 2, "usual_history": 4, "kept_horizon": 2,
    "collect": [["systems.train=3", "systems.interpolation=0", "systems.extrapolation=0", *FEW]],
    "evaluation": ["seed=9", *FEW],
    "tuning": {
        "settings": SETTINGS, "families": ["pendulum"], "train": ["trainer.max_steps=3"],
        "evaluation": ["seed=7", *FEW], "evaluate": ["history_sizes=[0,4]", "horizon=2", "rows=4"], "systems": 2,
    },
    "train": [
        "trainer.max_steps=2", "trainer.enable_progress_bar=false", "~callbacks", "data.systems=2", "data.rows=4",
        "model.hidden=[8]", "data.history_sizes=[0,4]", "module.warmup_steps=1",
    ],
    "evaluate": ["history_sizes=[0,4]", "horizon=3", "rows=4"],
}  # fmt: skip
FOLDERS = ["fixed_module.lr-1e-9-0", "fixed_module.lr-1e-2_module.weight_decay-0.0-0"]


def suite(**changed: Any) -> Suite:
    return Suite.read({**SUITE, **changed})


def bench(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str) -> int:
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    (folder / "tried.yaml").write_text(json.dumps(SUITE))
    return main(["bench", "suite=tried.yaml", "workers=0", *more])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        assert bench(folder, patch) == 0
    return folder


def trial(whole: Path, setting: int) -> Path:
    return whole / "runs/bench/tried/tuning/pendulum" / FOLDERS[setting]


def error(folder: Path) -> float:
    records = json.loads((folder / "results.json").read_text())["prediction"]
    (found,) = [r for r in records if r["history"] == 4]
    return float((sum(row[0] ** 2 for row in found["per_system"]) / 2) ** 0.5)


def test_the_setting_with_the_smallest_error_trains_the_table(whole: Path) -> None:
    errors = [error(trial(whole, i)) for i in range(2)]
    best = errors.index(min(errors))
    assert best == 1  # of the other one the steps are too small to do anything
    trained = OmegaConf.load(whole / "runs/bench/tried/pendulum/fixed-3/config.yaml")
    assert (trained.module.lr, trained.trainer.max_steps, trained.seed) == (1e-2, 2, 3)
    tried = OmegaConf.load(trial(whole, best) / "config.yaml")
    assert (tried.module.lr, tried.trainer.max_steps, tried.seed) == (1e-2, 3, 0)


def test_every_trial_is_published_and_checked(whole: Path) -> None:
    file = whole / "results/tried/pendulum.json"
    assert faults(file) == []
    p = Publication.load(file)
    found = p.about["methods"]["fixed"]["tuning"]
    assert (found["trials"], found["best"]) == (2, SETTINGS[1])
    assert [t["error"] for t in found["tried"]] == pytest.approx([error(trial(whole, i)) for i in range(2)], rel=1e-4)
    table = tuning_table([p])
    assert table is not None
    assert table.rows == (("fixed", *(f"{t['error']:.3f}" for t in found["tried"])),)
    assert table.best == ((2,),)
    for cell in table.rows[0]:
        assert cell in (whole / "results/tried/tables.md").read_text()


def test_trials_are_judged_on_new_episodes_of_training_systems_alone(whole: Path) -> None:
    data = whole / "data/bench/tried"
    shards = {
        name: json.loads((data / name / "manifest.json").read_text())["shards"]
        for name in ("pendulum", "pendulum-evaluation", "pendulum-tuning")
    }
    hashes = {name: {s["sha256"] for s in own} for name, own in shards.items()}
    assert not hashes["pendulum-tuning"] & (hashes["pendulum"] | hashes["pendulum-evaluation"])
    assert {s["split"] for s in shards["pendulum-tuning"]} == {"train"}
    known = {tuple(s["factors"]) for s in shards["pendulum"]}
    assert {tuple(s["factors"]) for s in shards["pendulum-tuning"]} <= known
    for i in range(2):
        records = json.loads((trial(whole, i) / "results.json").read_text())["prediction"]
        assert {r["split"] for r in records} == {"train"}


def test_trials_that_have_ended_are_not_made_again(whole: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    assert bench(whole, monkeypatch, "launch=print", "stages=[tune,train,evaluate]") == 0
    assert capsys.readouterr().out == ""


def test_without_its_trials_no_method_is_trained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    assert bench(tmp_path, monkeypatch, "stages=[collect,train]") == 1
    said = capsys.readouterr().err
    assert "2 trials have not ended" in said
    assert "stages=[collect,tune]" in said
    assert not (tmp_path / "data").exists()
    assert bench(tmp_path, monkeypatch, "stages=[train]", "suite.tuning=null", "launch=print") == 0


def test_trials_are_printed_before_the_trainings_that_depend_on_them(tmp_path: Path, monkeypatch, capsys) -> None:
    assert bench(tmp_path, monkeypatch, "launch=print", "stages=[collect,tune,train]") == 0
    said = capsys.readouterr()
    lines = [[shlex.split(c)[1] for c in text.split(" && ")] for text in said.out.splitlines()]
    assert lines == [["collect", "collect"], ["collect"], ["train", "evaluate"], ["train", "evaluate"]]
    assert "print again" in said.err


def test_a_setting_follows_what_is_a_methods_own() -> None:
    own = {"fixed": {"train": ["module.lr=5e-1", "trainer.max_steps=9"], "families": {"pendulum": ["seed=8"]}}}
    declared = suite(methods=own)
    found = tuning.trials(declared, Place(Path("r"), Path("d")), ["fixed"])
    assert [c.folder.name for c in found] == FOLDERS
    told = found[0].arguments("train")
    order = ["module.lr=5e-1", "trainer.max_steps=9", "seed=8", "trainer.max_steps=3", "module.lr=1e-9", "seed=0"]
    assert [told.index(text) for text in order] == sorted(told.index(text) for text in order)
    record = tuning.Record(declared.tuning.settings, (0.2, 0.3))  # type: ignore[union-attr]
    (cell,) = cells(
        tuning.tuned(declared, {"fixed": record}), Place(Path("r"), Path("d")), ["pendulum"], ["fixed"], [3]
    )
    told = cell.arguments("train")
    order = ["trainer.max_steps=2", "module.lr=5e-1", "trainer.max_steps=9", "seed=8", "module.lr=1e-9", "seed=3"]
    assert [told.index(text) for text in order] == sorted(told.index(text) for text in order)


def test_a_name_of_a_trial_says_what_was_tried_and_nothing_else() -> None:
    place = Place(Path("r"), Path("d"))
    there = {c.method.train + c.method.families["pendulum"]: c.folder for c in tuning.trials(suite(), place, ["fixed"])}
    more = {**SUITE["tuning"], "settings": [["model.hidden=[4,4]"], *reversed(SETTINGS), []]}
    again = {
        c.method.train + c.method.families["pendulum"]: c.folder
        for c in tuning.trials(suite(tuning=more), place, ["fixed"])
    }
    assert there.items() <= again.items()
    assert len(set(again.values())) == 4


def test_over_several_families_errors_are_averaged_by_factors(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """On one family the first setting is half as good, on the other three times better: it wins, whatever the scale."""
    both = {**SUITE["tuning"], "families": ["pendulum", "cheetah_mix"]}
    declared, place = suite(families={"pendulum": {}, "cheetah_mix": {}}, tuning=both), Place(tmp_path, tmp_path)
    errors = {("pendulum", 0): 8.0, ("pendulum", 1): 4.0, ("cheetah_mix", 0): 0.01, ("cheetah_mix", 1): 0.03}
    found = tuning.trials(declared, place, ["fixed"])
    for cell, (setting, family) in zip(found, [(s, f) for s in (0, 1) for f in both["families"]], strict=True):
        assert cell.family.name == family
        score = PredictionScore("m", "train", 4, 0, "support", ((errors[family, setting], 9.0),) * 2, ())
        other = replace(score, history=0, per_system=((1.0,), (1.0,)))
        Results(family, (other, score)).save(cell.results)
    monkeypatch.setattr(tuning, "ended", lambda cell: True)
    record = tuning.record(declared, place, "fixed")
    assert record is not None
    assert record.errors == pytest.approx((0.08**0.5, 0.12**0.5), rel=1e-4)
    assert list(record.best) == SETTINGS[0]


def test_a_trial_that_diverged_has_ended_and_does_not_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its training stops with an error, for which neither the other trials nor the table have to wait."""

    def diverging(self: DynamicsModule, *_: object) -> None:
        raise DivergedError("the training loss is not finite")

    monkeypatch.chdir(tmp_path)
    declared, place = suite(), Place(tmp_path / "r", tmp_path / "d")
    assert bench(tmp_path, monkeypatch, "stages=[collect]", "data_dir=d") == 0
    bad, good = tuning.trials(declared, place, ["fixed"])
    with monkeypatch.context() as patch:
        patch.setattr(DynamicsModule, "training_step", diverging)
        assert try_settings({bad: list(tuning.STAGES)}, 0) == {}
    longer = suite(tuning={**SUITE["tuning"], "train": [*SUITE["tuning"].get("train", ()), "trainer.max_steps=99"]})
    with pytest.raises(ConfigError, match=r"other values of trainer\.max_steps"):
        tuning.ended(tuning.trials(longer, place, ["fixed"])[0])
    assert tuning.record(declared, place, "fixed") is None
    assert try_settings({good: list(tuning.STAGES)}, 0) == {}
    record = tuning.record(declared, place, "fixed")
    assert record is not None
    assert [t["error"] is None for t in record.published()["tried"]] == [True, False]
    assert list(record.best) == SETTINGS[1]


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"families": ["pendulam"]}, "did you mean 'pendulum'"),
        ({"settings": ["module.lr=1"]}, "each a list of overrides"),
        ({"settings": [["module.lr=1"], ["module.lr=1"]]}, "none twice"),
        ({"settings": []}, "at least one"),
        ({"families": []}, "families to judge trials on"),
        ({"budget": 3}, "unknown key in tuning"),
    ],
)
def test_a_tuning_that_cannot_be_is_refused(changed: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        suite(tuning={**SUITE["tuning"], **changed})


@pytest.mark.parametrize("seed", [9, 0])
def test_trials_on_episodes_of_the_table_or_of_training_are_refused(seed: int) -> None:
    same = {**SUITE["tuning"], "evaluation": [f"seed={seed}", *FEW]}
    with pytest.raises(ConfigError, match="on episodes of the training or of the table"):
        tuning.trial_suite(suite(tuning=same))


def test_a_method_is_a_row_of_its_own_and_declares_no_trials() -> None:
    with pytest.raises(ConfigError, match=r"unknown key in methods\.fixed"):
        suite(methods={"fixed": {"tuning": {"trials": 4}}})
    assert isinstance(tuning.trials(suite(), Place(Path(), Path()), ["fixed"])[0], Cell)


def test_looking_at_trials_again_composes_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Composing takes a sixth of a second: with many methods all that a command that goes on does at first."""
    many = suite(methods={name: {} for name in ("fixed", "concat", "film")})
    composed: list[tuple[str, ...]] = []

    def counted(name: str, overrides: Sequence[str] = ()) -> DictConfig:
        composed.append((name, *overrides))
        return compose(name, overrides)

    for where in (cells_module, tuning):
        monkeypatch.setattr(where, "compose", counted)
    for method in [*many.methods, *many.methods]:
        for cell in tuning.trials(many, Place(tmp_path, tmp_path), [method]):
            cell.folder.mkdir(parents=True, exist_ok=True)
            (cell.folder / "config.yaml").write_text("seed: 1")
            with pytest.raises(ConfigError, match="another configuration"):
                cell.check_training()
    assert len(composed) == len(set(composed)) >= 6  # the training of each trial, once
