"""`hyperdyn plan`: the return of acting through trained runs' experts."""

from __future__ import annotations

from collections.abc import Sequence

from omegaconf import DictConfig

from hyperdyn import build
from hyperdyn.commands.runs import Run, together, trained
from hyperdyn.envs.spec import Family
from hyperdyn.evaluate import planning
from hyperdyn.evaluate.earlier import Earlier
from hyperdyn.evaluate.manifest import EvaluationManifest
from hyperdyn.evaluate.outcome import Outcome
from hyperdyn.evaluate.results import PlanningScore, Results
from hyperdyn.evaluate.task import Doubles, Task
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.report.console import print_results
from hyperdyn.workers import cores


def run(cfg: DictConfig) -> None:
    """Plan with each run on the same systems, add to its results.json, and print one table for all."""
    planner = build.construct(cfg.planner)
    kept = []
    for trained_run in trained(cfg.runs, cfg.checkpoint, cfg.trust):
        kept.append(_plan(trained_run, cfg, planner))
        trained_run.keep(kept[-1])
    print_results(together(kept))


def task_of(cfg: DictConfig, family: Family, planner: AbstractPlanner, factors: Doubles, starts: Sequence[int]) -> Task:
    """The task that a configuration of `hyperdyn plan` describes, on systems with factors [B,F]."""
    earlier = Earlier.asked(family, cfg.support, build.plain(cfg.get("behaviour")))
    setting = build.plain(cfg.env_kwargs)
    return Task(family, factors, starts, planner, cfg.steps, cfg.risk, cfg.replan, earlier, setting, cfg.particles)


def _plan(run: Run, cfg: DictConfig, planner: AbstractPlanner) -> Results:
    family = build.family(run.cfg.env)
    manifest = EvaluationManifest.of(family)
    scores: list[PlanningScore] = []
    seconds = None
    workers = cores() if cfg.workers is None else int(cfg.workers)
    for split in cfg.splits:
        factors, starts = manifest.systems(split, cfg.systems)
        task = task_of(cfg, family, planner, factors, starts)
        title = f"plan with {run.cfg.method}, {split}"
        episodes = planning.planning_episodes(task, run.model, history=cfg.history, workers=workers, progress=title)
        seconds = planning.seconds_per_decision(episodes)
        scores.append(Outcome.of(task, episodes).score(task, run.cfg.method, split, cfg.history, run.cfg.seed))
        if cfg.bounds:
            scores += [planning.floor(task, split), planning.ceiling(task, split, cfg.cache, workers=workers)]
    return Results(family.name, planning=tuple(scores), methods=(run.facts(decision_seconds=seconds),))
