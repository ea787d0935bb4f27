"""The ways in which a suite plans, each under a name: what is asked for, and which records are of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache
from typing import Any

from omegaconf import DictConfig

from hyperdyn import build
from hyperdyn.bench.suite import BenchFamily, BenchMethod, Overrides, Suite
from hyperdyn.config import compose
from hyperdyn.evaluate.results import CEILING, FLOOR, PlanningScore, Results
from hyperdyn.evaluate.task import how

PLAN = "plan"


def plans(suite: Suite, family: BenchFamily, method: BenchMethod | None = None) -> dict[str, Overrides]:
    """Overrides of `hyperdyn plan` for each way, the family's and the method's last; none where nothing is planned."""
    if suite.plan is None or family.plan is None:
        return {}
    own = {} if method is None else method.plan
    return {name: (*overrides, *family.plan, *own.get(name, ())) for name, overrides in suite.plan.items()}


def announced(suite: Suite, family: BenchFamily) -> dict[str, dict[str, Any]]:
    """What is published of each way: `planned`, the planner of each method that has something of its own there, and
    how many systems the ceiling is of, where these are fewer."""
    found = {name: planned(overrides) for name, overrides in plans(suite, family).items()}
    for way in found.values():
        if suite.ceiling_systems is not None and suite.ceiling_systems < way["systems"]:
            way["ceiling_systems"] = suite.ceiling_systems
    for method in suite.methods.values():
        for name in method.plan if found else ():
            planner = planned(plans(suite, family, method)[name])["planner"]
            found[name].setdefault("own", {})[method.name] = planner
    return found


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
    planner = way.get("own", {}).get(score.method, way["planner"])
    if (score.planner, score.steps) != (planner, way["steps"]) or score.split not in way["splits"]:
        return False
    return score.method in (FLOOR, CEILING) or (score.history, score.support) == (way["history"], way["support"])


def systems_of(method: str, way: Mapping[str, Any]) -> int:
    """How many systems of each split a method plans for."""
    found: int = way.get("ceiling_systems", way["systems"]) if method == CEILING else way["systems"]
    return found


def only(results: Results, way: Mapping[str, Any]) -> Results:
    """The results with the plans of one way alone, all under its planner: who has another is in `own` of the way."""
    return replace(
        results, planning=tuple(replace(r, planner=way["planner"]) for r in results.planning if belongs(r, way))
    )


@cache
def composed(overrides: Overrides) -> DictConfig:
    """The configuration of `hyperdyn plan`, of no run."""
    return compose(PLAN, ["runs=none", *overrides])
