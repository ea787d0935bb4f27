"""The episodes of one system, over all of its shards, and how their steps are numbered."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperdyn.shards.format import ShardInfo

Codes = NDArray[np.int64]
"""Steps of one system: shard << 48 | episode << 24 | t, where shard counts the shards of this system."""

_SHARD, _EPISODE, _MASK = 48, 24, (1 << 24) - 1


def split_codes(codes: Codes) -> tuple[Codes, Codes, Codes]:
    """Shard, episode and t of each code, of any shape."""
    return codes >> _SHARD, (codes >> _EPISODE) & _MASK, codes & _MASK


@dataclass(frozen=True)
class Episodes:
    """One system: E episodes, each with the code of its first step."""

    infos: tuple[ShardInfo, ...]
    first: Codes  # [E]
    length: NDArray[np.int64]  # [E] steps
    round: NDArray[np.int64]  # [E]

    @property
    def system(self) -> int:
        return self.infos[0].system

    @property
    def split(self) -> str:
        return self.infos[0].split

    @property
    def total(self) -> int:
        """Steps of all episodes."""
        return sum(sum(info.lengths) for info in self.infos)

    @classmethod
    def of(cls, infos: Sequence[ShardInfo]) -> Episodes:
        """All episodes of one system, given its shards."""
        first = [np.arange(len(i.lengths)) << _EPISODE | s << _SHARD for s, i in enumerate(infos)]
        length = [np.array(i.lengths, np.int64) for i in infos]
        rounds = [np.full(len(i.lengths), i.round) for i in infos]
        return cls(tuple(infos), np.concatenate(first), np.concatenate(length), np.concatenate(rounds))

    def windows(self, horizon: int) -> Codes:
        """[E] steps of each episode that have `horizon` steps from there on, themselves included."""
        return np.maximum(self.length - horizon + 1, 0)


def runs(first: Codes, count: Codes) -> Codes:
    """first[i], first[i] + 1, ... of count[i] numbers, for each i in turn."""
    before = np.cumsum(count) - count
    return np.repeat(first - before, count) + np.arange(int(count.sum()))


def by_system(infos: Iterable[ShardInfo]) -> list[Episodes]:
    """Systems in order of split and number."""
    grouped: dict[tuple[str, int], list[ShardInfo]] = {}
    for info in sorted(infos, key=lambda info: info.id):
        grouped.setdefault((info.split, info.system), []).append(info)
    return [Episodes.of(group) for group in grouped.values()]
