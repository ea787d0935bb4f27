"""Blocks whose context is what happened just before."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperdyn.shards.blocks import AbstractBlocks, Block, Draw
from hyperdyn.shards.episodes import Codes, Episodes, runs


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

    def block(self, system: int, k: int, draw: Draw) -> Block:
        tiling = self.plan(system)
        first, begin = int(tiling.first[k]), int(tiling.begin[k])
        context = first + np.arange(max(begin - draw.history, 0), begin)
        return Block(self.systems[system], context, first + begin + np.arange(self.rows))

    def _plan(self, episodes: Episodes) -> Tiling:
        chosen = self._repeated(episodes, np.arange(len(episodes.length)))
        windows = np.maximum(episodes.length[chosen] - self.horizon + 1, 0)
        count = windows // self.rows
        offset = self._rng(episodes).integers(windows - count * self.rows + 1)
        tile = runs(np.zeros_like(count), count)  # 0, 1, ... within each episode
        return Tiling(np.repeat(episodes.first[chosen], count), np.repeat(offset, count) + tile * self.rows)
