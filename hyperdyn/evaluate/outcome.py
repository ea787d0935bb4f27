"""What came of acting in some systems: the return of each, and whether it got where it should."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hyperdyn.evaluate.results import CEILING, FLOOR, PlanningScore
from hyperdyn.evaluate.task import Task
from hyperdyn.planning.control import Episodes

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Outcome:
    """One episode in each of the systems of a task, in order.

    returns: sum of rewards [systems]. success: 1 or 0 [systems]; None where the family does not say what success is.
    """

    returns: Doubles
    success: Doubles | None = None

    @classmethod
    def of(cls, task: Task, episodes: Sequence[Episodes]) -> Outcome:
        """Of the tiles of a task, in order. An episode is a success if any observation after a step is one."""
        returns = np.concatenate([e.returns for e in episodes]) if episodes else np.empty(0)
        judge = task.family.success
        if judge is None:
            return cls(returns)
        reached = [judge(torch.from_numpy(e.obs[:, 1:])).numpy() for e in episodes]  # [tile,L]
        counts = [np.arange(e.action.shape[1]) < e.length[:, None] for e in episodes]
        rows = [(r & c).any(1).astype(np.float64) for r, c in zip(reached, counts, strict=True)]
        return cls(returns, np.concatenate(rows) if rows else np.empty(0))

    @classmethod
    def join(cls, rows: Sequence[Sequence[float]]) -> Outcome:
        """From one row of each system, as `rows` gives them."""
        columns = np.array(rows, dtype=np.float64).reshape(len(rows), -1)
        return cls(columns[:, 0], columns[:, 1] if columns.shape[1] > 1 else None)

    @property
    def rows(self) -> list[list[float]]:
        """Of each system [return], or [return, success]."""
        columns = [self.returns] if self.success is None else [self.returns, self.success]
        rows: list[list[float]] = np.stack(columns, axis=1).tolist()
        return rows

    def score(self, task: Task, method: str, split: str, history: int, seed: int) -> PlanningScore:
        """The record of it."""
        success = () if self.success is None else tuple(map(float, self.success))
        returns = tuple(map(float, self.returns))
        support = 0 if method in (FLOOR, CEILING) else task.support
        return PlanningScore(method, split, history, seed, task.steps, task.how, returns, success, support)
