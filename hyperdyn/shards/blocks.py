"""Blocks: one context and N query windows of one system, chosen so that an epoch uses every window at most once.

A window is a step with T - 1 more steps of its episode after it. What is random is drawn from (seed, epoch, system),
so that block k of a system is the same whoever asks for it, and when.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from hyperdyn.shards.episodes import Codes, Episodes

Plan = TypeVar("Plan")
CACHED_STEPS = 1 << 24
"""Steps whose order within the epoch is remembered (16 bytes each); the order of more is worked out anew at need."""


@dataclass(frozen=True)
class Block:
    """Where the rows of one context and of its queries lie."""

    episodes: Episodes
    context: Codes  # [at most K] transitions
    query: Codes  # [N] first steps of windows


@dataclass(frozen=True)
class Draw:
    """What one block is told to be: K transitions of history, and two uniform numbers for its other choices."""

    history: int
    where: float = 0.0
    style: float = 0.0


class AbstractBlocks(ABC, Generic[Plan]):
    """The blocks of one epoch of some systems."""

    def __init__(
        self, systems: Sequence[Episodes], *, rows: int, horizon: int, seed: int, epoch: int, round_weight: int = 1
    ) -> None:
        self.systems = systems
        self.rows = rows
        self.horizon = horizon
        self._seed = seed, epoch
        self._round_weight = round_weight
        self._newest = max((int(s.round.max()) for s in systems), default=0)
        self._plans: OrderedDict[int, Plan] = OrderedDict()
        self._cached = 0

    @property
    @abstractmethod
    def counts(self) -> Codes:
        """[systems] how many blocks each system has in this epoch."""

    @abstractmethod
    def block(self, system: int, k: int, draw: Draw) -> Block:
        """Block k of the system at this position."""

    @abstractmethod
    def _plan(self, episodes: Episodes) -> Plan:
        """One system's order within the epoch."""

    def plan(self, system: int) -> Plan:
        """The plan of the system at this position, remembered while there is room."""
        if system not in self._plans:
            self._plans[system] = self._plan(self.systems[system])
            self._cached += int(self.systems[system].length.sum())
            while self._cached > CACHED_STEPS and len(self._plans) > 1:
                old, _ = self._plans.popitem(last=False)
                self._cached -= int(self.systems[old].length.sum())
        return self._plans[system]

    def _rng(self, episodes: Episodes) -> np.random.Generator:
        return np.random.default_rng([*self._seed, 1, episodes.system])

    def _repeated(self, episodes: Episodes, chosen: Codes) -> Codes:
        """The chosen episodes, those of the newest round as many times as it weighs (if there is an older one)."""
        weight = np.where(episodes.round[chosen] == self._newest, self._round_weight, 1) if self._newest else 1
        return np.repeat(chosen, weight)
