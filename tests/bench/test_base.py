"""A benchmark that builds on a published one ends where it would have ended in one go, and repeats no trial."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hyperdyn.bench import merge as merging
from hyperdyn.bench import tuning
from hyperdyn.bench.check import faults
from hyperdyn.bench.tuning import Record
from hyperdyn.cli import main

FEW = ["episodes=2", "steps=20", "workers=0"]
SUITE: dict[str, Any] = {
    "name": "tried", "methods": {"fixed": {}, "concat": {}}, "families": {"pendulum": {}, "cheetah_slope": {}},
    "seeds": [0, 1], "reference": "fixed", "executed": [8], "systems": 2, "usual_history": 4, "kept_horizon": 2,
    "collect": [["systems.train=3", "systems.interpolation=0", "systems.extrapolation=0", *FEW]],
    "evaluation": ["seed=9", *FEW],
    "tuning": {
        "settings": [["module.lr=1e-9"], ["module.lr=1e-2"]], "families": ["pendulum"],
        "evaluation": ["seed=7", *FEW], "evaluate": ["history_sizes=[0,4]", "horizon=2", "rows=4"], "systems": 2,
    },
    "train": [
        "trainer.max_steps=2", "trainer.enable_progress_bar=false", "~callbacks", "data.systems=2", "data.rows=4",
        "model.hidden=[8]", "data.history_sizes=[0,4]", "module.warmup_steps=1",
    ],
    "evaluate": ["history_sizes=[0,4]", "horizon=3", "rows=4"],
}  # fmt: skip


def bench(folder: Path, monkeypatch: pytest.MonkeyPatch, *more: str, **changed: Any) -> int:
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    (folder / "tried.yaml").write_text(json.dumps({**SUITE, **changed}))
    return main(["bench", "suite=tried.yaml", "workers=0", *more])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        assert bench(folder, patch, "family=pendulum") == 0
    return folder


@pytest.fixture(scope="module")
def part(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Published are the pendulum, seed 0 alone."""
    folder = tmp_path_factory.mktemp("part")
    with pytest.MonkeyPatch.context() as patch:
        assert bench(folder, patch, "family=pendulum", "seed=0") == 0
    return folder / "results/tried"


def published(folder: Path, family: str = "pendulum") -> dict[str, Any]:
    """Apart from what a clock measured."""
    content = json.loads((folder / f"results/tried/{family}.json").read_text())
    for record in [*content["methods"], *content["bench"]["cells"]]:
        record["training_seconds"] = record["decision_seconds"] = None
    for kind in ("prediction", "planning", "uncertainty"):
        content[kind].sort(key=lambda r: (r["seed"], r["method"], r["split"], r.get("history", 0)))
    return dict(content)


def test_the_rest_of_a_benchmark_joins_what_is_published(
    whole: Path, part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copytree(part, tmp_path / "earlier")
    content = json.loads((part / "pendulum.json").read_text())
    assert content["bench"].pop("diverged_trainings") == []  # an entry that a file without such trainings may lack
    (tmp_path / "earlier/pendulum.json").write_text(json.dumps(content))
    assert bench(tmp_path, monkeypatch, "builds_on=earlier", "family=pendulum", "seed=1") == 0
    assert not (tmp_path / "runs/bench/tried/tuning").exists()
    assert not (tmp_path / "data/bench/tried/pendulum-tuning").exists()
    assert published(tmp_path) == published(whole)
    assert faults(tmp_path / "results/tried/pendulum.json") == []
    times = [json.loads((f / "pendulum.json").read_text()) for f in (part, tmp_path / "results/tried")]
    first, both = ([c["training_seconds"] for c in t["bench"]["cells"] if c["method"] == "fixed"] for t in times)
    assert both[0] == first[0]
    assert next(m for m in times[1]["methods"] if m["method"] == "fixed")["training_seconds"] == pytest.approx(
        sum(both) / 2, rel=1e-6
    )


def test_families_that_are_published_stand_beside_new_ones_as_they_are(
    part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(merging, "_version", lambda package: f"{package} of today")
    more = ("family=cheetah_slope", "seed=0", "method=fixed")
    assert bench(tmp_path, monkeypatch, f"builds_on='{part}'", *more) == 0
    assert (tmp_path / "results/tried/pendulum.json").read_bytes() == (part / "pendulum.json").read_bytes()
    slope = published(tmp_path, "cheetah_slope")["bench"]
    assert slope["methods"]["fixed"]["tuning"] == published(part.parents[1])["bench"]["methods"]["fixed"]["tuning"]
    assert set(slope["methods"]) == {"fixed"}
    tables = (tmp_path / "results/tried/tables.md").read_text()
    assert "| method | pendulum | cheetah_slope |" in tables


def test_versions_of_both_are_told(part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = published(part.parents[1])["bench"]["packages"]
    real = merging._version
    monkeypatch.setattr(merging, "_version", lambda package: "0.0" if package == "torch" else real(package))
    assert bench(tmp_path, monkeypatch, f"builds_on='{part}'", "family=pendulum", "seed=1") == 0
    now = published(tmp_path)["bench"]["packages"]
    assert now == {**before, "torch": f"{before['torch']}; 0.0"}


def other_trials() -> dict[str, Any]:
    return {"tuning": {**SUITE["tuning"], "settings": [["module.lr=1e-9"], ["module.lr=2e-2"]]}}


def other_trainings() -> dict[str, Any]:
    return {"train": [*SUITE["train"], "module.weight_decay=0.1"]}


def other_scores() -> dict[str, Any]:
    return {"evaluate": ["history_sizes=[0,4]", "horizon=2", "rows=4"]}


def fewer_methods() -> dict[str, Any]:
    return {"methods": {"fixed": {}}}


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        (other_trials, "protocol.tuning"),
        (other_trainings, "overrides of fixed"),
        (other_scores, "protocol"),
        (fewer_methods, "model of concat"),
    ],
)
def test_what_was_made_in_another_way_is_refused(
    part: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changed: Callable[[], dict[str, Any]],
    message: str,
) -> None:
    shutil.copytree(part, tmp_path / "results/tried")
    before = (part / "pendulum.json").read_bytes()
    on = "builds_on=results/tried"
    assert bench(tmp_path, monkeypatch, on, "stages=[merge]", "family=[]", **changed()) == 1
    said = capsys.readouterr().err
    assert "made in another way" in said
    assert f"another {message}" in said
    assert (tmp_path / "results/tried/pendulum.json").read_bytes() == before


def test_scores_on_other_episodes_do_not_join(
    part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    other = {"evaluation": ["seed=10", *FEW]}
    assert bench(tmp_path, monkeypatch, f"builds_on='{part}'", "family=pendulum", "seed=1", **other) == 1
    assert "another data" in capsys.readouterr().err
    assert not (tmp_path / "results").exists()


def test_a_folder_without_the_suite_is_nothing_to_build_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert bench(tmp_path, monkeypatch, "builds_on=nowhere") == 1
    assert "nothing to build on in 'nowhere'" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_published_file_that_lacks_entries_is_refused_with_their_names(
    part: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(part, tmp_path / "published")
    file = tmp_path / "published/pendulum.json"
    content = json.loads(file.read_text())
    del content["bench"]["protocol"], content["bench"]["cells"]
    file.write_text(json.dumps(content))
    assert bench(tmp_path, monkeypatch, "builds_on=published", "family=pendulum") == 1
    assert "an entry 'bench' without protocol, cells" in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_a_record_is_what_is_published_of_it() -> None:
    record = Record((("module.lr=1",), ()), (float("inf"), 0.25))
    assert tuning.Record.of(json.loads(json.dumps(record.published()))) == record
