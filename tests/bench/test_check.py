"""A submitted file is believed only if it is whole and made on the frozen systems."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from typing import Any

import pytest

from hyperdyn.bench.check import faults
from hyperdyn.bench.merge import thinned
from hyperdyn.bench.publication import FORMAT, Publication
from hyperdyn.bench.suite import Suite
from hyperdyn.cli import main
from hyperdyn.evaluate.manifest import EvaluationManifest
from hyperdyn.evaluate.results import (
    CEILING,
    FLOOR,
    ChangeScore,
    MethodFacts,
    PlanningScore,
    PredictionScore,
    Results,
    UncertaintyScore,
)

TUNED = {"trials": 2, "best": ["module.lr=2"]} | {
    "tried": [{"setting": ["module.lr=1"], "error": 0.5}, {"setting": ["module.lr=2"], "error": 0.4}]
}
METHODS, SPLITS, HISTORIES, SEEDS = ("hyper", "concat_wide"), ("interpolation", "extrapolation"), (0, 16), (0, 1, 2)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file without a fault: two methods, three seeds, two systems of each split."""
    frozen = EvaluationManifest.load(Path(str(resources.files("hyperdyn.conf") / "evaluation" / "pendulum.json")))
    records = tuple(
        PredictionScore(m, s, k, seed, "support", ((0.5, 0.7, 0.9)[: 3 if k == 16 else 1],) * 2, ())
        for m in METHODS
        for s in SPLITS
        for k in HISTORIES
        for seed in SEEDS
    )
    trainings = [*((m, seed) for m in METHODS for seed in SEEDS), (FLOOR, 0), (CEILING, 0)]
    plans = tuple(
        PlanningScore(m, s, 0, seed, 5, "CEM", (1.0, 2.0), (0.0, 1.0)) for m, seed in trainings for s in SPLITS
    )
    sure = tuple(
        UncertaintyScore("hyper", s, k, seed, "support", *((0.5, 0.5),) * 4)
        for s in SPLITS
        for k in HISTORIES
        for seed in SEEDS
    )
    changes = tuple(
        ChangeScore(m, "interpolation", seed, way, "a motor dies", 1, ((0.5,) * 4,) * 2)
        for m in METHODS
        for seed in SEEDS
        for way in ("K = 4", "gamma = 0.95")  # the second is the method's own
    )
    facts = (MethodFacts("hyper", (4, 8, 3), 100, 60.0), MethodFacts("concat_wide", (6, 16, 3), 200, 60.0))
    whole = {"diverged": 0, "ceiling": False}
    about = {
        "format": FORMAT, "suite": "tiny", "family": "pendulum", "success": "it stands",
        "manifest": {"sha256": frozen.sha256, "seed": 0},
        "factor_names": list(frozen.factor_names), "data": "0",
        "factors": {s: frozen.systems(s, 2)[0].tolist() for s in SPLITS},
        "protocol": {
            "splits": SPLITS, "systems": 2, "history_sizes": HISTORIES, "usual_history": 16, "horizon": 3,
            "kept_horizon": 1, "rows": 4, "context": "support",
            "planning": {
                "closed": {"splits": SPLITS, "systems": 2, "steps": 5, "history": 0, "support": 0, "planner": "CEM"}
            },
            "change": {"split": "interpolation", "systems": 2, "steps": 4, "step": 1, "windows": [4]},
            "tuning": {"settings": [["module.lr=1"], ["module.lr=2"]], "families": ["pendulum"]},
        },
        "seeds": SEEDS, "reference": "hyper", "executed": [8],
        "methods": {
            "hyper": {"matched": True, "tuning": TUNED, "overrides": ["a=1", "module.lr=2"]} | whole,
            "concat_wide": {"matched": False, "tuning": TUNED, "overrides": ["module.lr=2"]} | whole,
        },
        "cells": [
            {"method": m, "seed": s, "config": "c", "training_seconds": 1.0, "decision_seconds": 1.0, "parameters": 5}
            for m in METHODS
            for s in SEEDS
        ],
        "command": "hyperdyn bench", "packages": {"hyperdyn": "0"}, "machine": "m",
    }  # fmt: skip
    path = tmp_path / "pendulum.json"
    Publication(about, Results("pendulum", records, plans, facts, changes, sure)).save(path)
    return path


def changed(file: Path, change: Callable[[dict[str, Any]], None]) -> list[str]:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    return [str(f) for f in faults(file)]


def test_a_whole_file_has_no_fault(file: Path) -> None:
    assert faults(file) == []
    assert main(["bench-check", str(file)]) == 0


def test_a_training_that_is_said_to_have_diverged_is_not_missed(file: Path) -> None:
    def state_it(content: dict[str, Any]) -> None:
        for kind in ("prediction", "planning", "uncertainty", "change"):
            content[kind] = [r for r in content[kind] if (r["method"], r["seed"]) != ("hyper", 1)]
        about = content["bench"]
        about["cells"] = [c for c in about["cells"] if (c["method"], c["seed"]) != ("hyper", 1)]
        about["diverged_trainings"] = [{"method": "hyper", "seed": 1}]

    assert changed(file, state_it) == []


def forget_a_seed(content: dict[str, Any]) -> None:
    content["prediction"] = [r for r in content["prediction"] if (r["method"], r["seed"]) != ("hyper", 1)]


def nan(content: dict[str, Any]) -> None:
    content["prediction"][3]["per_system"][1][0] = math.nan


def fewer_scores(content: dict[str, Any]) -> None:
    content["prediction"][2]["per_system"].pop()


def other_manifest(content: dict[str, Any]) -> None:
    content["bench"]["manifest"]["sha256"] = "0" * 64


def other_systems(content: dict[str, Any]) -> None:
    content["bench"]["factors"]["extrapolation"][1][0] += 0.1


def claim_a_match(content: dict[str, Any]) -> None:
    content["bench"]["methods"]["concat_wide"]["matched"] = True


def say_nothing_of_tuning(content: dict[str, Any]) -> None:
    content["bench"]["methods"]["hyper"]["tuning"] = {}


def forget_a_trial(content: dict[str, Any]) -> None:
    tuning = content["bench"]["methods"]["hyper"]["tuning"]
    tuning["tried"].pop(0)
    tuning["trials"] = 1


def choose_another(content: dict[str, Any]) -> None:
    content["bench"]["methods"]["hyper"]["tuning"]["best"] = ["module.lr=1"]


def train_with_another(content: dict[str, Any]) -> None:
    content["bench"]["methods"]["hyper"]["overrides"][-1] = "module.lr=1"


def hide_a_divergence(content: dict[str, Any]) -> None:
    content["prediction"][0]["per_system"][0][0] = None


def shorter_horizon(content: dict[str, Any]) -> None:
    for record in content["prediction"]:
        record["per_system"] = [row[:1] for row in record["per_system"]]


def add_a_score(content: dict[str, Any]) -> None:
    content["prediction"].append({**content["prediction"][0], "seed": 9})


def add_a_return(content: dict[str, Any]) -> None:
    content["planning"].append({**content["planning"][0], "seed": 9})


def say_a_return_twice(content: dict[str, Any]) -> None:
    content["planning"].append(content["planning"][0])


def forget_the_ceiling(content: dict[str, Any]) -> None:
    content["planning"] = [r for r in content["planning"] if r["method"] != CEILING]


def forget_a_success(content: dict[str, Any]) -> None:
    content["planning"][2]["success"] = []


def forget_an_uncertainty(content: dict[str, Any]) -> None:
    content["uncertainty"].pop()


def forget_a_change(content: dict[str, Any]) -> None:
    content["change"].pop(0)


def add_a_change(content: dict[str, Any]) -> None:
    content["change"].append({**content["change"][0], "seed": 9})


def say_a_change_twice(content: dict[str, Any]) -> None:
    content["change"].append(content["change"][1])


def forget_a_time(content: dict[str, Any]) -> None:
    content["bench"]["cells"][1]["decision_seconds"] = None


def claim_a_suite(content: dict[str, Any]) -> None:
    """That has other seeds, more values of K and more systems."""
    content["bench"]["suite"] = "locomotion"


def forget_a_training(content: dict[str, Any]) -> None:
    content["bench"]["cells"].pop()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (forget_a_seed, "4 prediction scores are missing"),
        (nan, "1 NaN"),
        (fewer_scores, "1 systems"),
        (other_manifest, "another manifest"),
        (other_systems, "split 'extrapolation' are not the manifest's"),
        (claim_a_match, "executed size of concat_wide"),
        (say_nothing_of_tuning, "how hyper was tuned"),
        (forget_a_trial, "trials of hyper are not those of all methods"),
        (choose_another, "hyper was trained with a setting that did not win"),
        (train_with_another, "hyper was not trained with the setting that won"),
        (claim_a_suite, "protocol of suite 'locomotion': tuning"),
        (hide_a_divergence, "scores of hyper that are not finite"),
        (shorter_horizon, "[1] steps ahead"),
        (add_a_score, "nothing that was announced"),
        (add_a_return, "1 returns of plan 'closed' are of nothing that was announced"),
        (say_a_return_twice, "1 returns of plan 'closed' are there more than once"),
        (forget_the_ceiling, "2 returns of plan 'closed' are missing"),
        (forget_a_success, "returns of plan 'closed', hyper, interpolation, seed 1"),
        (forget_an_uncertainty, "1 uncertainty scores are missing"),
        (forget_a_change, "1 scores of the change are missing"),
        (add_a_change, "1 scores of the change are of nothing that was announced"),
        (say_a_change_twice, "1 scores of the change are there more than once"),
        (forget_a_time, "no decision_seconds"),
        (claim_a_suite, "seeds of suite 'locomotion'"),
        (claim_a_suite, "protocol of suite 'locomotion': history_sizes"),
        (claim_a_suite, "protocol of suite 'locomotion': systems"),
        (forget_a_training, "missing concat_wide 2"),
    ],
)
def test_a_fault_is_found_and_named(file: Path, change: Callable[[dict[str, Any]], None], message: str) -> None:
    found = changed(file, change)
    assert any(message in fault for fault in found), found
    assert all("got:" in fault and "expected:" in fault and "fix:" in fault for fault in found)


@pytest.mark.parametrize("key", ["reference", "packages", "command", "machine", "seeds", "executed"])
def test_an_entry_that_tables_and_pages_read_is_there(file: Path, key: str) -> None:
    (found,) = changed(file, lambda content: content["bench"].pop(key))
    assert f"an entry 'bench' without {key}" in found


def test_all_faults_are_named_at_once(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def several(content: dict[str, Any]) -> None:
        forget_a_seed(content)
        other_manifest(content)
        claim_a_match(content)

    assert len(changed(file, several)) == 3
    assert main(["bench-check", str(file)]) == 1
    assert "3 faults" in capsys.readouterr().out


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 1, "family": "pendulum"}'])
def test_what_is_no_published_file_is_a_fault_and_no_crash(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.json").write_text(text)
    assert len(faults(tmp_path / "x.json")) == 1


def test_thinning_keeps_the_usual_history_whole() -> None:
    suite = Suite.read(
        {"name": "s", "methods": {"m": {}}, "families": {"f": {}}, "seeds": [0], "reference": "m", "executed": [],
         "collect": [], "usual_history": 4, "kept_horizon": 1}
    )  # fmt: skip
    score = PredictionScore("m", "train", 4, 0, "support", ((0.123456789, 2.0),), ((1.0,), (2.0,)))
    assert thinned(score, suite).per_system == ((0.12346, 2.0),)
    other = PredictionScore("m", "train", 0, 0, "support", ((0.123456789, 2.0),), ((1.0,), (2.0,)))
    assert (thinned(other, suite).per_system, thinned(other, suite).rmse) == (((0.12346,),), ())
