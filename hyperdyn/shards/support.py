"""Blocks whose context comes from other episodes of the same system."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hyperdyn.errors import ConfigError
from hyperdyn.shards.blocks import AbstractBlocks, Block, Draw
from hyperdyn.shards.episodes import Codes, Episodes, runs

STYLES = ("scattered", "segment", "mixed")


@dataclass(frozen=True, slots=True)
class Half:
    """One half of a system's episodes in an epoch."""

    windows: Codes  # in the order in which blocks take them
    steps: Codes  # shuffled transitions
    first: Codes  # [e] first step of each episode
    length: Codes  # [e]


class SupportBlocks(AbstractBlocks[tuple[Half, Half]]):
    """The context comes from other episodes of the same system than the query rows.

    Each epoch deals a system's episodes into two halves. The windows of a half, shuffled, are cut into blocks of N (an
    incomplete rest is left out), and the context of a block is drawn from the other half, in one of two styles:
    "scattered", K transitions from anywhere, none twice; "segment", K consecutive transitions of one episode, as an
    agent would have seen them; "mixed" is each of them half the time.
    """

    def __init__(
        self,
        systems: Sequence[Episodes],
        *,
        rows: int,
        horizon: int,
        seed: int,
        epoch: int,
        round_weight: int = 1,
        style: str = "scattered",
    ) -> None:
        super().__init__(systems, rows=rows, horizon=horizon, seed=seed, epoch=epoch, round_weight=round_weight)
        self._style = style
        rng = np.random.default_rng([seed, epoch, 3])
        self._halves = [deal(s, rng) for s in systems]
        self._counts = np.array([self._block_counts(*pair) for pair in zip(systems, self._halves, strict=True)])

    @property
    def counts(self) -> Codes:
        return self._counts.sum(axis=1)

    def block(self, draw: Draw) -> Block:
        one, other = self.plan(draw.system)
        k, before = draw.k, int(self._counts[draw.system, 0])
        if k >= before:
            one, other, k = other, one, k - before
        query = one.windows[k * self.rows : (k + 1) * self.rows]
        segment = self._style == "segment" or (self._style == "mixed" and draw.style < 0.5)
        context = (consecutive if segment else scattered)(other, draw.history, draw.where)
        return Block(self.systems[draw.system], context, query)

    def _plan(self, system: int) -> tuple[Half, Half]:
        rng = self._rng(system)
        one, other = (self._half(self.systems[system], chosen, rng) for chosen in self._halves[system])
        return one, other

    def _half(self, episodes: Episodes, chosen: Codes, rng: np.random.Generator) -> Half:
        first, length = episodes.first[chosen], episodes.length[chosen]
        steps = windows = rng.permutation(runs(first, length))
        times = self._times(episodes)[chosen]
        if self.horizon > 1 or times.max() > 1:
            count = np.repeat(episodes.windows(self.horizon)[chosen], times)
            windows = rng.permutation(runs(np.repeat(first, times), count))
        return Half(windows, steps, first, length)

    def _block_counts(self, episodes: Episodes, halves: tuple[Codes, Codes]) -> list[int]:
        shown = episodes.windows(self.horizon) * self._times(episodes)
        return [int(shown[half].sum()) // self.rows for half in halves]


def deal(episodes: Episodes, rng: np.random.Generator) -> tuple[Codes, Codes]:
    """Two halves of a system's episodes.

    Raises:
        ConfigError: there is one episode only.
    """
    E = len(episodes.length)
    if E < 2:
        raise ConfigError(
            f"system {episodes.system} of split '{episodes.split}' has one episode",
            expected="two or more, so that the context can come from another episode than the query",
            fix="collect with episodes=2 or more, or train with data=trajectories_recent",
        )
    order = rng.permutation(E)
    return order[: E // 2], order[E // 2 :]


def scattered(half: Half, history: int, where: float) -> Codes:
    """Up to `history` transitions from anywhere in the half, none twice: a piece of its shuffled order."""
    steps = half.steps
    start = int(where * len(steps))
    piece = steps[start : start + history]
    missing = history - len(piece)
    return np.concatenate([piece, steps[: min(missing, start)]]) if missing else piece


def consecutive(half: Half, history: int, where: float) -> Codes:
    """`history` transitions in a row, alike often any that there are; the longest episode where all are shorter."""
    starts = np.maximum(half.length - history + 1, 0)
    if not starts.any():
        longest = int(half.length.argmax())
        return half.first[longest] + np.arange(half.length[longest])
    ends = np.cumsum(starts)
    chosen = int(where * ends[-1])
    episode = int(np.searchsorted(ends, chosen, side="right"))
    t = chosen - int(ends[episode] - starts[episode])
    return half.first[episode] + t + np.arange(history)
