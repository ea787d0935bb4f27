"""The windows that a prediction is judged on: of every system of a split, the same for every method."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import torch

from hyperdyn.errors import ConfigError, ShardError, nearest
from hyperdyn.shards.blocks import Block
from hyperdyn.shards.episodes import Codes, Episodes, by_system, runs
from hyperdyn.shards.looks import Looks
from hyperdyn.shards.store import ShardStore
from hyperdyn.shards.windows import gather
from hyperdyn.types import Batch, Context, Transitions

CONTEXTS = ("support", "recent")
TILE = 16
"""Systems in a batch."""


@dataclass(frozen=True)
class Windows:
    """Which windows are predicted, and from what history.

    history_sizes: K; a shorter history is a part of the longest. horizon, rows: N windows of T steps of each system.
    context: "support", transitions scattered over other episodes of the system; "recent", those right before N windows
        that follow each other, fewer in an episode that is too short.
    seed: of the choice, which depends on nothing else but the system's number and its episodes.
    views: the context holds one look at each system, at another episode than its windows are of, where any is stored.
    fewer: a support of fewer transitions than K, where its episodes hold no more, is no error: for figures, not scores.

    Raises:
        ConfigError: a value outside its range.
    """

    history_sizes: tuple[int, ...] = (0, 1, 4, 16, 64)
    horizon: int = 10
    rows: int = 64
    context: str = "support"
    seed: int = 0
    views: bool = True
    fewer: bool = False

    def __post_init__(self) -> None:
        if self.context not in CONTEXTS:
            raise ConfigError("unknown context", got=self.context, fix=nearest(self.context, CONTEXTS))
        if not self.history_sizes or min(self.history_sizes) < 0 or min(self.horizon, self.rows) < 1:
            expected = "history_sizes of 0 or more; horizon and rows of 1 or more"
            raise ConfigError("windows that cannot be", got=self, expected=expected)

    def batches(self, store: ShardStore, split: str, share: slice | None = None) -> Iterator[Batch]:
        """Windows of a split, with the longest history, in batches of systems; of a `share` of the systems if given.

        Raises:
            ShardError: the split has no shards.
            ConfigError: episodes too short, or too few, for so many rows or for so long a history.
        """
        found, looks = systems_of(store, split)[share or slice(None)], Looks(store.load_views)
        for i in range(0, len(found), TILE):
            blocks = [self._block(system) for system in found[i : i + TILE]]
            batch = gather(blocks, self.horizon, store.load)
            if self.views:
                rngs = [np.random.default_rng([self.seed, block.episodes.system, 1]) for block in blocks]
                batch = replace(batch, context=replace(batch.context, views=looks(blocks, rngs)))
            yield batch

    def longest(self, store: ShardStore, split: str, share: slice | None = None) -> int:
        """Steps T up to which every one of these systems has a window for its query, at K = 0; 0 if one has none."""
        lengths = [np.sort(system.length) for system in systems_of(store, split)[share or slice(None)]]
        # Of "support" half of the episodes, or one more, are asked about, whichever they are.
        found = [n[-1] if self.context == "recent" else n[(len(n) - 1) // 2] if len(n) > 1 else 0 for n in lengths]
        return max(0, int(min(found)) - (self.rows - 1 if self.context == "recent" else 0))

    def first(self, context: Context, history: int) -> Context:
        """The same context with `history` of its transitions only; of a recent one, the last of them."""
        past, held = context.history, context.mask.sum(1, keepdim=True)  # [B,1]; the others of the K rows come after
        begin = (held - history).clamp(min=0) if self.context == "recent" else torch.zeros_like(held)
        rows = begin + torch.arange(min(history, context.mask.shape[1]), device=held.device)  # [B,K']
        mask, rows = rows < held, rows.clamp(max=context.mask.shape[1] - 1).unsqueeze(2)
        kept = (torch.take_along_dim(part, rows, 1) for part in (past.obs, past.action, past.next_obs))
        return replace(context, history=Transitions(*kept), mask=mask)

    def _block(self, episodes: Episodes) -> Block:
        rng = np.random.default_rng([self.seed, episodes.system])
        choose = self._recent if self.context == "recent" else self._support
        context, query = choose(episodes, rng)
        if len(query) < self.rows:
            raise ConfigError(
                f"system {episodes.system} of split '{episodes.split}' has too little data to evaluate",
                got=f"episodes of {episodes.length.tolist()} steps",
                expected=f"{self.rows} windows of {self.horizon} steps" + _beside(self.context),
                fix="lower rows or horizon, or collect more and longer episodes",
            )
        if self.context == "support" and len(context) < max(self.history_sizes) and not self.fewer:
            raise ConfigError(
                f"system {episodes.system} of split '{episodes.split}' has too little history",
                got=f"{len(context)} transitions in one half of its episodes, of {episodes.length.tolist()} steps",
                expected=f"K = {max(self.history_sizes)} of them",
                fix=f"history_sizes of at most {len(context)}, or collect more and longer episodes",
            )
        return Block(episodes, context, query)

    def _support(self, episodes: Episodes, rng: np.random.Generator) -> tuple[Codes, Codes]:
        order = rng.permutation(len(episodes.length))
        asked, told = np.array_split(order, 2) if len(order) > 1 else (order[:0], order)
        query = rng.permutation(runs(episodes.first[asked], np.maximum(episodes.length[asked] - self.horizon + 1, 0)))
        context = rng.permutation(runs(episodes.first[told], episodes.length[told]))
        return context[: max(self.history_sizes)], query[: self.rows]

    def _recent(self, episodes: Episodes, rng: np.random.Generator) -> tuple[Codes, Codes]:
        room = episodes.length - (self.rows + self.horizon - 1)  # steps that may lie before the first window
        episode = int(rng.choice(np.flatnonzero(room == room.max())))
        before = int(room[episode])
        if before < 0:
            return episodes.first[:0], episodes.first[:0]
        K = min(max(self.history_sizes), before)
        begin = int(episodes.first[episode]) + int(rng.integers(K, before + 1))
        return begin - K + np.arange(K), begin + np.arange(self.rows)


def systems_of(store: ShardStore, split: str) -> list[Episodes]:
    """The systems of a split, in order. Raises ShardError where there are none."""
    found = by_system(store.infos(split=split))
    if not found:
        known = ", ".join(sorted({i.split for i in store.infos()})) or "nothing"
        fix = f"hyperdyn collect data_dir={store.root}; it holds {known}"
        raise ShardError(f"no shards of split '{split}' in '{store.root}'", fix=fix)
    return found


def _beside(context: str) -> str:
    return " in one half of two or more episodes" if context == "support" else " in a row"
