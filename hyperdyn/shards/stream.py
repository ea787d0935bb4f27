"""Batches of one split, epoch after epoch, from shards that may be larger than memory."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from hyperdyn.errors import ConfigError, ShardError
from hyperdyn.shards.blocks import AbstractBlocks, Draw
from hyperdyn.shards.episodes import Episodes, by_system
from hyperdyn.shards.format import ShardInfo
from hyperdyn.shards.looks import Looks
from hyperdyn.shards.sampler import ElasticSampler
from hyperdyn.shards.store import ShardStore
from hyperdyn.shards.windows import Rows, assemble
from hyperdyn.types import Batch

MakeBlocks = Callable[[Sequence[Episodes], int], AbstractBlocks[Any]]
"""Systems and the epoch to the blocks of that epoch."""

MAPPED_SHARDS = 16384
"""Shards mapped into memory at once; the system allows some 65,000 mappings to a process."""


class WindowStream:
    """Iterating gives the rest of the epoch at hand; once that is finished, the next one.

    The manifest is read anew when an epoch begins, so shards that were added meanwhile are seen then, and not before:
    the state names how many shards the epoch began with. An iteration that is broken off continues in the next.

    The stream counts its epochs itself: Lightning, resumed from the end of an epoch of a run that `max_steps` ends,
    counts one more than there was.

    looks: one look at each system of a batch; None is no views.
    augment: what is done to each batch, given how its blocks were drawn.
    limit: where an epoch ends early, in batches or as a share of them, as Lightning's `limit_train_batches`.
    rank, world: which part of each batch this process gets.
    agree: makes a number that rank 0 has found known to all ranks.
    """

    def __init__(
        self,
        store: ShardStore,
        split: str,
        make_blocks: MakeBlocks,
        order: ElasticSampler,
        *,
        looks: Looks | None = None,
        augment: Callable[[Batch, Sequence[Draw]], Batch] | None = None,
        rank: int = 0,
        world: int = 1,
        agree: Callable[[int], int] = int,
    ) -> None:
        self.store = store
        self.split = split
        self.order = order
        self.rank = rank
        self.world = world
        self.limit: int | float = 1.0
        self._make_blocks = make_blocks
        self._looks = looks
        self._augment = augment
        self.agree = agree
        self._blocks: AbstractBlocks[Any]
        self._arranged: tuple[int, int] | None = None  # epoch and shards that the blocks belong to
        self._shards = 0  # that this epoch began with
        self._mapped: dict[int, Rows] = {}  # by system
        self._open = 0  # shards among them
        self._known: list[ShardInfo] = []
        self._systems: list[Episodes] = []

    def __len__(self) -> int:
        """Batches of the whole epoch, regardless of `limit`, of which the next batch is one."""
        self._arrange()
        return len(self.order)

    def __iter__(self) -> Iterator[Batch]:
        self._arrange()
        epoch = self.order.epoch  # asked for its length after the last batch, the stream is in the next one
        while self.order.epoch == epoch and not self._finished:
            draws = self.order.batch(self.rank, self.world)
            blocks = [self._blocks.block(draw) for draw in draws]
            batch = assemble(blocks, [self.rows(block.episodes) for block in blocks], self._blocks.horizon)
            if self._looks is not None:
                views = self._looks(blocks, [self._rng(draw) for draw in draws])
                batch = replace(batch, context=replace(batch.context, views=views))
            yield batch if self._augment is None else self._augment(batch, draws)

    def _rng(self, draw: Draw) -> np.random.Generator:
        """Of what else is drawn for one block: the same on any number of ranks."""
        return np.random.default_rng([self.order.seed, self.order.epoch, 4, draw.system, draw.k])

    @property
    def _finished(self) -> bool:
        batches = self.limit if isinstance(self.limit, int) else int(len(self.order) * self.limit)
        return self.order.finished or self.order.consumed >= batches * self.order.systems

    def state_dict(self) -> dict[str, Any]:
        """Where the stream is: plain values, the same on every rank, valid on another number of ranks."""
        return {
            "seed": self.order.seed,
            "epoch": self.order.epoch,
            "consumed": self.order.consumed,
            "shards": self._shards,
            "data": fingerprint(self._infos()),
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Continue with the batch after the last one that the saved stream gave."""
        self.order.seed = state["seed"]
        self.order.epoch, self.order.consumed = state["epoch"], state["consumed"]
        self._shards = state["shards"]
        self._arranged = None
        self.store.refresh()
        if fingerprint(self._infos()) != state["data"]:
            warnings.warn(
                f"the shards in '{self.store.root}' are not those of the checkpoint: its epoch goes on in another"
                " order, and may show some windows again",
                stacklevel=2,
            )
            self._shards = len(self.store.history(self.split))

    def rows(self, episodes: Episodes) -> Rows:
        """The rows of one system, mapped once."""
        found = self._mapped.get(episodes.system)
        if found is None:
            while self._mapped and self._open + len(episodes.infos) > MAPPED_SHARDS:
                self._open -= len(self._mapped.pop(next(iter(self._mapped))).obs)
            self._open += len(episodes.infos)
            found = self._mapped[episodes.system] = Rows.of(episodes, self.store.load)
        return found

    def _infos(self) -> list[ShardInfo]:
        """The shards that this epoch began with, in the order in which they were added."""
        return self.store.history(self.split)[: self._shards]

    def _arrange(self) -> None:
        """Order the blocks of the epoch at hand, or of the next one if that is finished."""
        self._arrange_epoch()
        if self.order.consumed and self._finished:
            self.order.set_epoch(self.order.epoch + 1)
            self._arrange_epoch()

    def _arrange_epoch(self) -> None:
        if not self.order.consumed:
            self.store.refresh()
            self._shards = self.agree(len(self.store.history(self.split)))
            if len(self._infos()) < self._shards:  # one was added after this rank had looked and before rank 0 did
                self.store.refresh()
        if self._arranged == (self.order.epoch, self._shards):
            return
        infos = self._infos()
        if not infos or len(infos) < self._shards:
            raise ShardError(
                f"too few shards of split '{self.split}' in '{self.store.root}'",
                got=len(infos),
                expected=self._shards or "at least one",
                fix=f"hyperdyn collect data_dir={self.store.root}",
            )
        if infos != self._known:
            self._known, self._systems = infos, by_system(infos)
            self._mapped, self._open = {}, 0
        self._blocks = self._make_blocks(self._systems, self.order.epoch)
        self.order.arrange(self._blocks.counts)
        if not len(self.order):
            raise ConfigError(
                f"split '{self.split}' in '{self.store.root}' does not fill one batch",
                got=f"{int(self._blocks.counts.sum())} blocks of {self._blocks.rows} windows of one system each",
                expected=f"data.systems={self.order.systems} or more blocks",
                fix="lower data.rows or data.systems, or collect more episodes",
            )
        self._arranged = self.order.epoch, self._shards


def fingerprint(infos: Sequence[ShardInfo]) -> str:
    """Sixteen letters that tell one set of shards from another."""
    contents = sorted((info.id, info.sha256) for info in infos)
    return hashlib.sha256(repr(contents).encode()).hexdigest()[:16]
