"""One look at each system of a batch: the views of a stored moment of another episode than its queries are of."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import final

import numpy as np
import torch

from hyperdyn.shards.blocks import Block
from hyperdyn.shards.episodes import Codes, Episodes, split_codes
from hyperdyn.shards.format import ShardInfo
from hyperdyn.shards.views import ShardViews
from hyperdyn.views import Views, joined

MAPPED_SHARDS = 16384
"""Files of views mapped into memory at once."""
REMEMBERED = 8192
"""Cropped looks kept in memory; with four pictures of 40 x 40 each takes some 140 kB."""


@final
class Looks:
    """Chooses a moment for each system, alike often any that is stored, and reads what was seen then.

    load: the views of a shard, None if it has none.
    share: how often a system is looked at; otherwise, and where it has no moment to choose, it is not seen.
    pixels: what is kept of each picture is a square of so many around the object, see `Views.cropped`. Such looks are
        read once and then remembered. None keeps whole pictures, which are read every time.
    """

    def __init__(
        self, load: Callable[[ShardInfo], ShardViews | None], share: float = 1.0, pixels: int | None = None
    ) -> None:
        self._load = load
        self.share = share
        self.pixels = pixels
        self._remembered: OrderedDict[tuple[str, int], Views] = OrderedDict()
        self._mapped: OrderedDict[str, ShardViews | None] = OrderedDict()

    def __call__(self, blocks: Sequence[Block], rngs: Iterable[np.random.Generator]) -> Views | None:
        """Views of B blocks, each chosen by a generator of its own; None if none of them is seen.

        Raises:
            ShapeError: views of systems of the batch that differ in size or in what they hold.
        """
        found = [self._look(block, rng) for block, rng in zip(blocks, rngs, strict=True)]
        known = [views for views in found if views is not None]
        if not known:
            return None
        nothing = _nothing(known[0])
        return joined([nothing if views is None else views for views in found])

    def _look(self, block: Block, rng: np.random.Generator) -> Views | None:
        chosen, skipped = rng.random(2)
        moments = self.moments(block.episodes, block.query)
        if skipped >= self.share or not moments:
            return None
        return self._at(*moments[int(chosen * len(moments))])

    def _at(self, views: ShardViews, moment: int) -> Views:
        if self.pixels is None:
            return views.at(moment)
        key = views.file, moment
        if key not in self._remembered:
            while len(self._remembered) >= REMEMBERED:
                self._remembered.popitem(last=False)
            self._remembered[key] = views.at(moment).cropped(self.pixels)
        return self._remembered[key]

    def moments(self, episodes: Episodes, query: Codes) -> list[tuple[ShardViews, int]]:
        """All stored moments of a system, but for those of the episodes that the query is of."""
        shard, episode, _ = split_codes(query)
        asked = set(zip(shard.tolist(), episode.tolist(), strict=True))
        stored = [(s, views) for s, info in enumerate(episodes.infos) if (views := self._of(info)) is not None]
        return [(v, m) for s, v in stored for m, e in enumerate(v.episode.tolist()) if (s, e) not in asked]

    def _of(self, info: ShardInfo) -> ShardViews | None:
        if info.file not in self._mapped:
            while len(self._mapped) >= MAPPED_SHARDS:
                self._mapped.popitem(last=False)
            self._mapped[info.file] = self._load(info)
        return self._mapped[info.file]


def _nothing(like: Views) -> Views:
    """Zeros, but for cameras, which have to be some."""
    solid = like.solid
    return replace(
        like,
        rgb=torch.zeros_like(like.rgb),
        depth=torch.zeros_like(like.depth),
        mask=None if like.mask is None else torch.zeros_like(like.mask),
        pose=None if like.pose is None else torch.zeros_like(like.pose),
        solid=None if solid is None else replace(solid, occupancy=torch.zeros_like(solid.occupancy)),
    )
