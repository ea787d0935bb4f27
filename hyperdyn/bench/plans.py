"""The ways in which a suite plans, each under a name: what is asked for, and which records are of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from omegaconf import DictConfig

from hyperdyn import build
from hyperdyn.bench.suite import BenchFamily, Overrides, Suite
from hyperdyn.config import compose
from hyperdyn.evaluate.results import CEILING, FLOOR, PlanningScore, Results
from hyperdyn.evaluate.task import how

PLAN = "plan"


def plans(suite: Suite, family: BenchFamily) -> dict[str, Overrides]:
    """Overrides of `hyperdyn plan` for each way, those of the family last; none where nothing is planned."""
    if suite.plan is None or family.plan is None:
        return {}
    return {name: (*overrides, *family.plan) for name, overrides in suite.plan.items()}


def planned(overrides: Overrides) -> dict[str, Any]:
    """What all records of one way of planning share, as it is published."""
    cfg = composed(overrides)
    behaviour = "" if cfg.get("behaviour") is None else type(build.construct(cfg.behaviour)).__name__
    planner, setting = build.construct(cfg.planner), build.plain(cfg.env_kwargs)
    return {
        "splits": list(cfg.splits), "systems": cfg.systems, "steps": cfg.steps, "history": cfg.history,
        "support": cfg.support, "planner": how(planner, cfg.risk, cfg.replan, setting, behaviour, cfg.particles),
    }  # fmt: skip


def belongs(score: PlanningScore, way: Mapping[str, Any]) -> bool:
    """Whether a record is of one way of planning; the floor and the ceiling know nothing and need to know nothing."""
    if (score.planner, score.steps) != (way["planner"], way["steps"]) or score.split not in way["splits"]:
        return False
    return score.method in (FLOOR, CEILING) or (score.history, score.support) == (way["history"], way["support"])


def only(results: Results, way: Mapping[str, Any]) -> Results:
    """The results with the plans of one way alone."""
    return replace(results, planning=tuple(r for r in results.planning if belongs(r, way)))


@cache
def composed(overrides: Overrides) -> DictConfig:
    """The configuration of `hyperdyn plan`, of no run."""
    return compose(PLAN, ["runs=none", *overrides])
