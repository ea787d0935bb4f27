"""A batch equals what a loop over its windows would read, one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from hyperdyn.shards.blocks import Block
from hyperdyn.shards.episodes import by_system, split_codes
from hyperdyn.shards.recent import RecentBlocks
from hyperdyn.shards.sampler import ElasticSampler
from hyperdyn.shards.store import ShardStore
from hyperdyn.shards.support import SupportBlocks
from hyperdyn.shards.windows import gather
from hyperdyn.types import Batch

AddLabelled = Callable[..., ShardStore]


@pytest.fixture
def store(add_labelled: AddLabelled) -> ShardStore:
    """Three systems; a second round with other lengths and another number of steps for two of them."""
    add_labelled(systems=3, episodes=4, steps=10, lengths=[10, 6, 10, 9])
    return add_labelled(systems=2, episodes=3, steps=7, lengths=[7, 7, 5], round=1)


def draw_blocks(store: ShardStore, kind: Any, horizon: int, same: bool) -> list[Block]:
    made = kind(by_system(store.infos("train")), rows=5, horizon=horizon, seed=1, epoch=0)
    sampler = ElasticSampler(4, (0, 3, 6), seed=1, same_history_size=same)
    sampler.arrange(made.counts)
    return [made.block(draw) for draw in sampler.batch()]


def one(store: ShardStore, block: Block, code: int, t: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    shard, episode, start = (int(part) for part in split_codes(np.array(code)))
    data = store.load(block.episodes.infos[shard])
    assert start + t < data.length[episode]
    return data.obs[episode, start + t], data.action[episode, start + t], data.obs[episode, start + t + 1]


@pytest.mark.parametrize("kind", [SupportBlocks, RecentBlocks])
@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("same", [True, False])
def test_a_batch_equals_a_loop_over_its_windows(store: ShardStore, kind: Any, horizon: int, same: bool) -> None:
    blocks = draw_blocks(store, kind, horizon, same)
    batch = gather(blocks, horizon, store.load)
    for b, block in enumerate(blocks):
        rows = [(batch.context.history, (b, k), code, 0) for k, code in enumerate(block.context)]
        rows += [(batch.query, (b, n, t), code, t) for n, code in enumerate(block.query) for t in range(horizon)]
        for part, place, code, t in rows:
            expected = one(store, block, code, t)
            for got, want in zip((part.obs, part.action, part.next_obs), expected, strict=True):
                np.testing.assert_array_equal(got[place].numpy(), want)
        assert batch.context.mask[b].tolist() == [k < len(block.context) for k in range(batch.context.mask.shape[1])]
        assert batch.system[b] == block.episodes.system
        assert batch.factors[b].tolist() == [block.episodes.system, 2.0]


def test_masked_rows_are_zero(store: ShardStore) -> None:
    batch = gather(draw_blocks(store, SupportBlocks, 1, same=False), 1, store.load)
    out = ~batch.context.mask
    assert out.any()
    assert batch.context.mask.any()
    for part in (batch.context.history.obs, batch.context.history.action, batch.context.history.next_obs):
        assert not part[out].any()


def test_shapes_and_types(store: ShardStore) -> None:
    systems = by_system(store.infos("train"))
    made = SupportBlocks(systems, rows=5, horizon=2, seed=0, epoch=0)
    for history in (0, 4):
        blocks = [Block(s, made.plan(i)[1].steps[:history], made.plan(i)[0].windows[:5]) for i, s in enumerate(systems)]
        batch: Batch = gather(blocks, 2, store.load)
        assert batch.context.history.obs.shape == (3, history, 4)
        assert batch.context.history.action.shape == (3, history, 2)
        assert batch.context.mask.shape == (3, history)
        assert batch.query.obs.shape == batch.query.next_obs.shape == (3, 5, 2, 4)
        assert batch.query.action.shape == (3, 5, 2, 2)
        assert batch.query.obs.dtype == batch.factors.dtype == torch.float32
        assert (batch.system.dtype, batch.context.mask.dtype) == (torch.int64, torch.bool)


def test_writing_into_a_batch_leaves_the_shards_alone(store: ShardStore) -> None:
    blocks = draw_blocks(store, SupportBlocks, 1, same=True)
    gather(blocks, 1, store.load).query.obs.fill_(7.0)
    assert store.verify() == []
    assert (gather(blocks, 1, store.load).query.obs[..., 0] < 3).all()
