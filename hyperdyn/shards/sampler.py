"""Which blocks make up which batch: one order for the whole world, cut by rank."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hyperdyn.errors import ConfigError
from hyperdyn.shards.blocks import Draw
from hyperdyn.shards.episodes import Codes, runs


class ElasticSampler:
    """A seeded order of all blocks of an epoch, cut into global batches of B, and each of those by rank.

    The order depends on (seed, epoch) alone: any number of ranks together see the same batches, no block twice, and
    the state {seed, epoch, consumed} continues on another number of ranks. The blocks of a system are spread evenly
    over the epoch, so that a batch holds nearly as many different systems as it can. What does not fill the last batch
    is left out; it is another rest in each epoch.

    systems: B, over all ranks.
    """

    def __init__(
        self, systems: int, history_sizes: Sequence[int], *, seed: int, same_history_size: bool = True
    ) -> None:
        self.systems = systems
        self.history_sizes = np.array(history_sizes)
        self.same_history_size = same_history_size
        self.seed = seed
        self.epoch = 0
        self.consumed = 0  # blocks of this epoch that batches have taken, over all ranks
        self._order: tuple[Codes, Codes]

    def set_epoch(self, epoch: int) -> None:
        """Begin this epoch, unless it is the one at hand, which goes on."""
        if epoch != self.epoch:
            self.epoch, self.consumed = epoch, 0

    def arrange(self, counts: Codes) -> None:
        """Order the epoch's blocks: counts [systems] of each system."""
        rng = np.random.default_rng([self.seed, self.epoch, 0])
        system = np.repeat(np.arange(len(counts)), counts)
        k = runs(np.zeros_like(counts), counts)
        shuffled = np.lexsort((rng.random(len(k)), system))  # within each system
        slot = (k + rng.random(len(k))) / np.maximum(counts, 1)[system]  # in [0, 1), one in each 1/count
        order = np.argsort(slot, kind="stable")
        self._order = system[order], k[shuffled][order]

    def __len__(self) -> int:
        """Batches of the whole epoch."""
        return len(self._order[0]) // self.systems

    @property
    def finished(self) -> bool:
        return len(self._order[0]) - self.consumed < self.systems

    def batch(self, rank: int = 0, world: int = 1) -> list[Draw]:
        """This rank's part of the next batch.

        Raises:
            ConfigError: the ranks cannot share a batch evenly.
        """
        share = per_rank(self.systems, world)
        mine = slice(rank * share, (rank + 1) * share)
        rng = np.random.default_rng([self.seed, self.epoch, 2, self.consumed])
        B = self.systems
        size = rng.choice(self.history_sizes, size=1 if self.same_history_size else B)
        history = np.broadcast_to(size, B)
        chances = rng.random((4, B))  # where, style, turn and mirror of each draw
        system, k = (column[self.consumed : self.consumed + B] for column in self._order)
        self.consumed += B
        return [
            Draw(*values) for values in zip(*(c[mine].tolist() for c in (system, k, history, *chances)), strict=True)
        ]


def per_rank(systems: int, world: int) -> int:
    """Systems of a batch that each rank takes.

    Raises:
        ConfigError: they do not divide evenly.
    """
    if systems % world:
        raise ConfigError(
            "systems of a batch do not divide among the processes",
            got=f"systems={systems} on {world} processes",
            fix=f"data.systems={max(1, systems // world) * world}",
        )
    return systems // world
