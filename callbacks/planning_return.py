"""What acting through the model's experts returns on systems never trained on, while training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from lightning.pytorch import Trainer

from hyperdyn.callbacks.evaluation import AbstractEvaluation, log, tag
from hyperdyn.envs.spec import Family
from hyperdyn.errors import at_least
from hyperdyn.evaluate.earlier import Earlier
from hyperdyn.evaluate.manifest import EvaluationManifest
from hyperdyn.evaluate.outcome import Outcome
from hyperdyn.evaluate.planning import cached_simulator_outcome, planning_episodes
from hyperdyn.evaluate.summary import share_of
from hyperdyn.evaluate.task import Task
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.statistics import iqm


@final
class PlanningReturn(AbstractEvaluation):
    """Logs <split>/<family>/planning_return, the interquartile mean over the first systems of the evaluation manifest.

    For a family that says what success is, also <split>/<family>/planning_success, the share of systems that got there.
    Where the simulator's returns on these systems are in the cache (`hyperdyn plan` leaves them there), also
    <split>/<family>/planning_share of them, if those are positive. The ranks share the systems.

    steps, history: of an episode, and of it that the model adapts from.
    support: earlier transitions of each system that it adapts from besides.
    risk: what a standard deviation of reward costs in a plan.
    workers: processes that plan on each rank; 0 is the training process itself.
    """

    def __init__(
        self,
        family: Family,
        planner: AbstractPlanner,
        *,
        every_n_steps: int = 0,
        splits: Sequence[str] = ("interpolation",),
        systems: int = 12,
        steps: int = 100,
        history: int = 16,
        support: int = 0,
        risk: float = 0.0,
        workers: int = 0,
        cache: str | None = None,
    ) -> None:
        super().__init__(every_n_steps)
        at_least(1, self, splits=len(splits), systems=systems, steps=steps)
        at_least(0, self, history=history, support=support, workers=workers)
        manifest = EvaluationManifest.of(family)
        drawn = {split: manifest.systems(split, systems) for split in splits}
        earlier = Earlier.asked(family, support)
        self.tasks = {
            split: Task(family, *found, planner, steps, risk, earlier=earlier) for split, found in drawn.items()
        }
        self.history = history
        self.workers = workers
        self.cache = cache

    def evaluate(self, trainer: Trainer, model: AbstractDynamics) -> None:
        metrics = {}
        for split, task in self.tasks.items():
            rows = torch.zeros(len(task.starts), 2, dtype=torch.float64, device=next(model.parameters()).device)
            if len(task.starts) > trainer.global_rank:
                share = task.share(trainer.global_rank, trainer.world_size)
                episodes = planning_episodes(share, model, history=self.history, workers=self.workers)
                own = torch.tensor(Outcome.of(share, episodes).rows).to(rows)
                rows[trainer.global_rank :: trainer.world_size, : own.shape[1]] = own
            returns, success = trainer.strategy.reduce(rows, reduce_op="sum").cpu().numpy().T
            metrics[tag(split, task.family.name, "planning_return")] = float(iqm(returns))
            if task.family.success is not None:
                metrics[tag(split, task.family.name, "planning_success")] = float(success.mean())
            ceiling = cached_simulator_outcome(task, self.cache)
            if ceiling is not None and (part := share_of(returns, ceiling.returns)) is not None:
                metrics[tag(split, task.family.name, "planning_share")] = part
        log(trainer, metrics)
