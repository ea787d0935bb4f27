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


@dataclass(frozen=True, slots=True)
class Draw:
    """Which block, and what it is told to be."""

    system: int  # position among the systems
    k: int  # which of that system's blocks
    history: int  # K, transitions of its context
    where: float = 0.0  # in [0, 1): where the context comes from
    style: float = 0.0  # in [0, 1): which style it has
    turn: float = 0.0  # in [0, 1): the share of a circle that it may be turned by
    mirror: float = 0.0  # in [0, 1): below a half it may be mirrored


@dataclass(frozen=True, slots=True)
class Block:
    """Where the rows of one context and of its queries lie."""

    episodes: Episodes
    context: Codes  # [at most K] transitions
    query: Codes  # [N] first steps of windows


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
    def block(self, draw: Draw) -> Block:
        """The block that was drawn."""

    @abstractmethod
    def _plan(self, system: int) -> Plan:
        """The order within the epoch of the system at this position."""

    def plan(self, system: int) -> Plan:
        """The same, remembered while there is room."""
        plan = self._plans.get(system)
        if plan is None:
            plan = self._plans[system] = self._plan(system)
            self._cached += self.systems[system].total
            while self._cached > CACHED_STEPS and len(self._plans) > 1:
                old, _ = self._plans.popitem(last=False)
                self._cached -= self.systems[old].total
        return plan

    def _rng(self, system: int) -> np.random.Generator:
        return np.random.default_rng([*self._seed, 1, self.systems[system].system])

    def _times(self, episodes: Episodes) -> Codes:
        """[E] how many times the epoch shows each episode: once in round 0, rising to `round_weight` in the newest."""
        age = episodes.round / max(1, self._newest)
        return np.rint(1 + (self._round_weight - 1) * age).astype(np.int64)
