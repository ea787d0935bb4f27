"""Under what returns are comparable is said alike wherever it is said: the planner, and the risk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperdyn import build
from hyperdyn.bench.cells import Cell, Place
from hyperdyn.bench.merge import protocol
from hyperdyn.bench.suite import Suite
from hyperdyn.commands import bench
from hyperdyn.config import compose
from hyperdyn.evaluate import planning
from hyperdyn.evaluate.results import PlanningScore, Results
from hyperdyn.evaluate.task import Task

SUITE = Suite.read(
    {
        "name": "s", "methods": {"fixed": {}}, "families": {"pendulum": {}}, "seeds": [0], "reference": "fixed",
        "executed": [8], "collect": [],
        "plan": {
            "risky": ["risk=0.5", "particles=4", "systems=2", "steps=3", "splits=[interpolation]"],
            "open": ["systems=2", "steps=3", "splits=[interpolation]", "replan=3"],
        },
    }
)  # fmt: skip
FAMILY = SUITE.families["pendulum"]


@pytest.fixture
def how() -> str:
    """What the records of `hyperdyn plan` hold."""
    cfg = compose("plan", ["runs=none", *(SUITE.plan or {})["risky"]])
    family = build.family(compose("collect", ["env=pendulum"]).env)
    planner = build.construct(cfg.planner)
    return Task(family, np.ones((1, 3)), [0], planner, cfg.steps, cfg.risk, particles=cfg.particles).how


def test_returns_with_a_risk_are_those_that_a_suite_asks_for(tmp_path: Path, how: str) -> None:
    place = Place(tmp_path, tmp_path)
    assert how.endswith(", risk=0.5, particles=4")
    assert protocol(SUITE, FAMILY, place)["planning"]["risky"]["planner"] == how
    cell = Cell(SUITE, place, FAMILY, SUITE.methods["fixed"], 0)
    cell.folder.mkdir(parents=True)
    history = compose("plan", ["runs=none"]).history
    for planner, done in ((how, True), (how.removesuffix(", particles=4"), False)):
        score = PlanningScore("fixed", "interpolation", history, 0, 3, planner, (1.0, 2.0))
        Results("pendulum", planning=(score,)).save(cell.results)
        assert cell.done("plan risky") is done
        assert not cell.done("plan open")


def test_the_floor_and_the_ceiling_are_kept_under_the_same(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Task] = []

    def bound(task: Task, split: str, *_: Any, **__: Any) -> PlanningScore:
        asked.append(task)
        return PlanningScore("a bound", split, 0, 0, 3, task.how, (1.0,) * len(task.starts))

    monkeypatch.setattr(planning, "floor", bound)
    monkeypatch.setattr(planning, "ceiling", bound)
    bench._bounds(SUITE, Place(tmp_path, tmp_path), FAMILY)
    other = how.replace(", risk=0.5, particles=4", ", replan=3")
    assert [task.how for task in asked] == [how, how, other, other]
    assert [len(task.starts) for task in asked] == [2, 2, 2, 2]
    asked.clear()
    bench._bounds(replace(SUITE, ceiling_systems=1), Place(tmp_path, tmp_path), FAMILY)
    assert [(len(task.starts), task.starts[0]) for task in asked] == [
        (2, asked[0].starts[0]),
        (1, asked[0].starts[0]),
    ] * 2
