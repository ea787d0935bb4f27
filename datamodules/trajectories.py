"""Training batches from a folder of trajectories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from lightning.pytorch import LightningDataModule

from hyperdyn.errors import ConfigError, ShardError, nearest
from hyperdyn.shards.augment import Augmentation
from hyperdyn.shards.blocks import AbstractBlocks
from hyperdyn.shards.episodes import Episodes
from hyperdyn.shards.fork import fork
from hyperdyn.shards.format import ShardInfo
from hyperdyn.shards.looks import Looks
from hyperdyn.shards.recent import RecentBlocks
from hyperdyn.shards.sampler import ElasticSampler, per_rank
from hyperdyn.shards.store import ShardStore
from hyperdyn.shards.stream import WindowStream
from hyperdyn.shards.support import STYLES, SupportBlocks
from hyperdyn.types import StateSpec, Transitions

CONTEXTS = ("support", "recent")


class TrajectoryDataModule(LightningDataModule):
    """Batches of B systems, each with one context of K transitions and N query windows of T steps that share it.

    root: the folder that `hyperdyn collect` filled.
    fork_of: a folder whose shards root begins with, where this run adds shards of its own; see `hyperdyn.shards.fork`.
    context: "support", transitions of other episodes of the same system; "recent", the ones right before the query.
    history_sizes: K is drawn from these, alike often.
    same_history_size: one K for a whole batch; otherwise each system has its own, and shorter ones are masked.
    first_systems: train on systems 0 to N - 1 of the split alone, in every round; None trains on all of them.
    systems: B, over all processes. They must divide it.
    rows, horizon: N and T.
    support_style: "scattered", "segment" or "mixed"; see `SupportBlocks`.
    round_weight: how many times an epoch shows the windows of the newest round; those of round 0 are shown once, and
        the rounds between rise in a straight line.
    views: share of the systems of a batch whose context holds one look, at a stored moment of an episode that the query
        is not of, so that a model learns to do with and without; None gives no views.
    look_pixels: what is kept of each picture, a square of so many pixels around the object; a look is then read once
        and kept in memory. None keeps whole pictures, which are read anew each time.
    augment: "turn" and "mirror", for a family with the frame of an object; see `hyperdyn.shards.augment`.
    state: of the family; needed for these alone.

    An epoch shows every window, in an order that depends on `seed` and the epoch alone; shards that were added
    meanwhile are seen when the next epoch begins. The state in a checkpoint continues with the very next window.

    Raises:
        ConfigError: a value outside its range.
    """

    def __init__(
        self,
        root: str,
        *,
        fork_of: str | None = None,
        context: str = "support",
        history_sizes: Sequence[int] = (0, 1, 2, 4, 8, 16, 32, 64),
        same_history_size: bool = True,
        first_systems: int | None = None,
        systems: int = 32,
        rows: int = 64,
        horizon: int = 1,
        support_style: str = "scattered",
        round_weight: int = 1,
        split: str = "train",
        views: float | None = None,
        look_pixels: int | None = None,
        augment: Sequence[str] = (),
        state: StateSpec | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        _one_of("context", context, CONTEXTS)
        _one_of("support_style", support_style, STYLES)
        _at_least(1, systems=systems, rows=rows, horizon=horizon, round_weight=round_weight)
        _at_least(0, seed=seed)
        if first_systems is not None:
            _at_least(1, first_systems=first_systems)
        if look_pixels is not None:
            _at_least(1, look_pixels=look_pixels)
        if views is not None and not 0 < views <= 1:
            raise ConfigError("data.views is a share of the systems", got=views, expected="in (0, 1], or null for none")
        self.prepare_data_per_node = False  # hosts share their folders
        self.root = str(root)
        self.fork_of = fork_of
        self.context = context
        self.first_systems = first_systems
        self.rows = rows
        self.horizon = horizon
        self.support_style = support_style
        self.round_weight = round_weight
        self.split = split
        self.seed = seed
        sizes = _history_sizes(history_sizes)
        self._sampler = ElasticSampler(systems, sizes, seed=seed, same_history_size=same_history_size)
        self._views = views
        self._look_pixels = look_pixels
        self._augment = _augmentation(tuple(augment), state)
        self._stream: WindowStream | None = None

    def prepare_data(self) -> None:
        if self.fork_of is not None:
            fork(self.fork_of, self.root)

    def setup(self, stage: str = "fit") -> None:
        """Open the folder.

        Raises:
            ShardError: there are no trajectories in it, or no views although they are asked for.
        """
        if self._stream is None:
            store = ShardStore.open(self.root)
            self._stream = WindowStream(
                store, self.split, self._blocks, self._sampler, looks=self._looks(store), augment=self._augment
            )

    @property
    def stream(self) -> WindowStream:
        """The batches, an endless row of epochs."""
        self.setup()
        assert self._stream is not None
        return self._stream

    @property
    def store(self) -> ShardStore:
        return self.stream.store

    def train_dataloader(self) -> WindowStream:
        """The stream itself: it has a length, so Lightning fetches nothing ahead and its state stays exact."""
        stream = self.stream
        if self.trainer is not None:
            stream.rank, stream.world = self.trainer.global_rank, self.trainer.world_size
            stream.agree = self.trainer.strategy.broadcast
            stream.limit = self.trainer.limit_train_batches
        per_rank(self._sampler.systems, stream.world)
        return stream

    def transitions(self) -> Iterator[Transitions]:
        """All transitions of the split's first round that are trained on, shard after shard, [steps,.] each."""
        for info in filter(self._trained_on, self.store.infos(self.split, round=0)):
            data = self.store.load(info)
            inside = np.arange(info.steps) < data.length[:, None]  # [E,L]
            rows = data.obs[:, :-1][inside], data.action[inside], data.obs[:, 1:][inside]
            yield Transitions(*map(torch.from_numpy, rows))

    def state_dict(self) -> dict[str, Any]:
        return {} if self._stream is None else self._stream.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        if state_dict:
            self.stream.load_state_dict(state_dict)

    def _looks(self, store: ShardStore) -> Looks | None:
        if self._views is None:
            return None
        if not any(info.views_bytes for info in store.infos(self.split)):
            fix = f"hyperdyn collect data_dir={self.root} views=0, of a family with cameras; or data.views=null"
            raise ShardError(f"no views in split '{self.split}' of '{self.root}'", fix=fix)
        return Looks(store.load_views, self._views, self._look_pixels)

    def _trained_on(self, data: Episodes | ShardInfo) -> bool:
        return self.first_systems is None or data.system < self.first_systems

    def _blocks(self, systems: Sequence[Episodes], epoch: int) -> AbstractBlocks[Any]:
        shared: dict[str, Any] = {
            "rows": self.rows,
            "horizon": self.horizon,
            "seed": self._sampler.seed,
            "epoch": epoch,
            "round_weight": self.round_weight,
        }
        systems = list(filter(self._trained_on, systems))
        if self.context == "recent":
            return RecentBlocks(systems, **shared)
        return SupportBlocks(systems, style=self.support_style, **shared)


def _augmentation(kinds: tuple[str, ...], state: StateSpec | None) -> Augmentation | None:
    if kinds and state is None:
        raise ConfigError("data.augment needs the state of the family", got="state=None", fix="state=family.state")
    return Augmentation(kinds, state) if kinds and state is not None else None


def _one_of(name: str, value: str, valid: Sequence[str]) -> None:
    if value not in valid:
        raise ConfigError(f"unknown data.{name}", got=value, fix=nearest(str(value), valid))


def _at_least(least: int, **values: int) -> None:
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise ConfigError(f"data.{name}", got=value, expected=f"a whole number, {least} or more")


def _history_sizes(given: Sequence[int]) -> tuple[int, ...]:
    for size in given:
        _at_least(0, history_sizes=size)
    if not len(given):
        raise ConfigError("data.history_sizes is empty", expected="one or more numbers, as in [0, 4, 16]")
    return tuple(given)
