"""Blocks whose context is what happened just before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperdyn.shards.blocks import AbstractBlocks, Block, Draw
from hyperdyn.shards.episodes import Codes, runs


@dataclass(frozen=True)
class Tiling:
    """Where the runs of N windows of a system begin."""

    first: Codes  # [k] first step of the episode
    begin: Codes  # [k] steps from there to the first window


class RecentBlocks(AbstractBlocks[Tiling]):
    """The context is the K transitions right before the query rows, which are N consecutive windows of one episode.

    Fewer near the beginning of an episode. Where N does not divide an episode's windows, the rest that is left out
    lies at another place in each epoch.
    """

    @property
    def counts(self) -> Codes:
        return np.array([len(self.plan(i).first) for i in range(len(self.systems))], np.int64)

    def block(self, draw: Draw) -> Block:
        tiling = self.plan(draw.system)
        first, begin = int(tiling.first[draw.k]), int(tiling.begin[draw.k])
        context = np.arange(first + max(begin - draw.history, 0), first + begin)
        query = np.arange(first + begin, first + begin + self.rows)
        return Block(self.systems[draw.system], context, query)

    def _plan(self, system: int) -> Tiling:
        episodes = self.systems[system]
        times = self._times(episodes)
        first, windows = np.repeat(episodes.first, times), np.repeat(episodes.windows(self.horizon), times)
        count = windows // self.rows
        offset = self._rng(system).integers(windows - count * self.rows + 1)
        tile = runs(np.zeros_like(count), count)  # 0, 1, ... within each episode
        return Tiling(np.repeat(first, count), np.repeat(offset, count) + tile * self.rows)
