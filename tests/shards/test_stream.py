"""Epoch after epoch: what an interruption, another number of ranks and new shards change, and what not."""

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
import torch

from hyperdyn.errors import ConfigError, ShardError
from hyperdyn.shards import ShardStore, stream
from hyperdyn.shards.blocks import AbstractBlocks
from hyperdyn.shards.episodes import Episodes
from hyperdyn.shards.recent import RecentBlocks
from hyperdyn.shards.sampler import ElasticSampler
from hyperdyn.shards.stream import WindowStream
from hyperdyn.shards.support import SupportBlocks
from hyperdyn.types import Batch

AddLabelled = Callable[..., ShardStore]


def blocks_of(kind: Callable[..., AbstractBlocks[Any]], systems: Sequence[Episodes], epoch: int) -> AbstractBlocks[Any]:
    return kind(systems, rows=5, horizon=1, seed=0, epoch=epoch)


def open_stream(store: ShardStore, kind: Any = SupportBlocks, systems: int = 4, **ranks: Any) -> WindowStream:
    sampler = ElasticSampler(systems, (0, 2, 4), seed=0, same_history_size=False)
    return WindowStream(ShardStore.open(store.root), "train", partial(blocks_of, kind), sampler, **ranks)


def labels(batch: Batch) -> list[tuple[float, ...]]:
    """(system, round, episode, t) of each query row."""
    return [tuple(row) for row in batch.query.obs.flatten(0, 2).tolist()]


def equal(one: Batch, other: Batch) -> bool:
    parts = zip(flat(one), flat(other), strict=True)
    return all(torch.equal(a, b) for a, b in parts)


def flat(batch: Batch) -> list[torch.Tensor]:
    history, query = batch.context.history, batch.query
    tensors = [history.obs, history.action, history.next_obs, batch.context.mask, query.obs, query.action]
    return [*tensors, query.next_obs, batch.system, batch.factors]


def stack(parts: Sequence[Batch]) -> list[tuple[float, ...]]:
    return [label for part in parts for label in labels(part)]


@pytest.mark.parametrize("kind", [SupportBlocks, RecentBlocks])
def test_an_epoch_shows_every_window_once(add_labelled: AddLabelled, kind: Any) -> None:
    add_labelled(systems=4, episodes=4, steps=10)
    store = add_labelled(systems=4, episodes=2, steps=5, round=1)
    made = open_stream(store, kind)
    length = len(made)
    batches = list(made)
    seen = Counter(label for batch in batches for label in labels(batch))
    expected = {(s, 0, e, t) for s in range(4) for e in range(4) for t in range(10)}
    expected |= {(s, 1, e, t) for s in range(4) for e in range(2) for t in range(5)}
    assert set(seen) == expected
    assert set(seen.values()) == {1}
    assert len(batches) == length


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_together_see_the_batches_of_one_process(add_labelled: AddLabelled, world: int) -> None:
    store = add_labelled(systems=4, episodes=4, steps=10)
    alone = [labels(batch) for batch in open_stream(store)]
    ranks = [list(open_stream(store, rank=r, world=world)) for r in range(world)]
    assert [stack(parts) for parts in zip(*ranks, strict=True)] == alone


def test_iterating_again_gives_the_next_epoch(add_labelled: AddLabelled) -> None:
    store = add_labelled(systems=4, episodes=4, steps=10)
    made = open_stream(store)
    first, second = [[labels(b) for b in made] for _ in range(2)]
    assert first != second
    assert sorted(sum(first, [])) == sorted(sum(second, []))  # noqa: RUF017
    assert made.order.epoch == 1


def test_asking_for_the_length_changes_nothing(add_labelled: AddLabelled) -> None:
    store = add_labelled(systems=4, episodes=4, steps=10)
    made, asked = open_stream(store), open_stream(store)
    plain = [[labels(b) for b in made] for _ in range(2)]
    assert [[labels(b) for b in asked if len(asked) == 8] for _ in range(2)] == plain


@pytest.mark.parametrize(("limit", "batches"), [(3, 3), (0.5, 4), (1.0, 8), (100, 8)])
def test_a_limit_ends_each_epoch_early(add_labelled: AddLabelled, limit: float, batches: int) -> None:
    store = add_labelled(systems=4, episodes=4, steps=10)
    whole = open_stream(store)
    expected = [[labels(b) for b in whole][:batches] for _ in range(2)]
    made = open_stream(store)
    made.limit = limit
    assert [[labels(b) for b in made] for _ in range(2)] == expected


def test_an_iteration_that_is_broken_off_goes_on(add_labelled: AddLabelled) -> None:
    store = add_labelled(systems=4, episodes=4, steps=10)
    whole = [labels(b) for b in open_stream(store)]
    made = open_stream(store)
    parts = [labels(next(iter(made))) for _ in range(3)]
    assert parts + [labels(b) for b in made] == whole
    assert len(made) == len(whole)


@pytest.mark.parametrize("kind", [SupportBlocks, RecentBlocks])
@pytest.mark.parametrize("stop", [0, 3, 8])
def test_a_state_continues_with_the_very_next_batch(add_labelled: AddLabelled, kind: Any, stop: int) -> None:
    store = add_labelled(systems=4, episodes=4, steps=10)
    whole = open_stream(store, kind)
    batches = [*whole, *whole]
    assert len(whole) == 8
    begun = open_stream(store, kind)
    for _, _batch in zip(range(stop), begun, strict=False):
        pass
    resumed = open_stream(store, kind)
    resumed.load_state_dict(begun.state_dict())
    rest = [*resumed, *resumed] if 0 < stop < 8 else [*resumed]
    for one, other in zip(rest, batches[stop:], strict=False):
        assert equal(one, other)
    assert len(rest) >= 8 - stop


def test_a_state_continues_on_another_number_of_ranks(add_labelled: AddLabelled) -> None:
    store = add_labelled(systems=4, episodes=4, steps=10)
    whole = [labels(b) for b in open_stream(store)]
    half = open_stream(store, rank=1, world=2)
    for _, _batch in zip(range(3), half, strict=False):
        pass
    ranks = [open_stream(store, rank=r, world=4) for r in range(4)]
    for made in ranks:
        made.load_state_dict(half.state_dict())
    assert [stack(parts) for parts in zip(*ranks, strict=True)] == whole[3:]


def test_new_shards_are_seen_when_the_next_epoch_begins(add_labelled: AddLabelled) -> None:
    store = add_labelled(systems=4, episodes=4, steps=10)
    made = open_stream(store)
    epoch = iter(made)
    first = [labels(next(epoch))]
    add_labelled(systems=4, episodes=4, steps=10, round=1)
    resumed = open_stream(store)
    resumed.load_state_dict(made.state_dict())
    rest = [labels(b) for b in epoch]
    assert {label[1] for part in first + rest for label in part} == {0}
    assert [labels(b) for b in resumed] == rest
    assert {label[1] for batch in made for label in labels(batch)} == {0, 1}
    assert len(made) == 16


def test_other_shards_than_those_of_the_state_are_told(add_labelled: AddLabelled) -> None:
    made = open_stream(add_labelled(systems=4, episodes=4, steps=10))
    next(iter(made))
    other = open_stream(add_labelled(systems=5, episodes=4, steps=10, name="other"))
    with pytest.warns(UserWarning, match="not those of the checkpoint"):
        other.load_state_dict({**made.state_dict(), "shards": 5})
    assert len(list(other)) == len(other) - 1


def test_few_mapped_shards_at_once_give_the_same_batches(
    add_labelled: AddLabelled, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = add_labelled(systems=4, episodes=4, steps=10)
    store = add_labelled(systems=4, episodes=2, steps=6, round=1)
    whole = [labels(b) for b in open_stream(store)]
    monkeypatch.setattr(stream, "MAPPED_SHARDS", 3)
    made = open_stream(store)
    assert [labels(b) for b in made] == whole
    assert sum(len(rows.obs) for rows in made._mapped.values()) <= 3


def test_all_ranks_begin_with_the_shards_that_the_first_one_sees(add_labelled: AddLabelled) -> None:
    store = add_labelled(systems=4, episodes=4, steps=10)
    made = open_stream(store, agree=lambda own: own - 1)
    assert {label[0] for batch in made for label in labels(batch)} == {0, 1, 2}


def test_a_shard_that_is_added_before_the_first_rank_has_looked_is_seen_by_all(add_labelled: AddLabelled) -> None:
    store = add_labelled(systems=4, episodes=4, steps=10)

    def first_rank_looks_late(own: int) -> int:
        add_labelled(systems=4, episodes=2, steps=5, round=1)
        return own + 4

    made = open_stream(store, agree=first_rank_looks_late)
    assert {label[1] for batch in made for label in labels(batch)} == {0, 1}


def test_shards_that_only_the_first_rank_sees_are_told(add_labelled: AddLabelled) -> None:
    store = add_labelled(systems=4, episodes=4, steps=10)
    with pytest.raises(ShardError, match=r"got:      4\s+expected: 5"):
        len(open_stream(store, agree=lambda own: own + 1))


def test_a_split_without_shards_says_how_to_collect_them(add_labelled: AddLabelled) -> None:
    store = add_labelled(split="interpolation")
    with pytest.raises(ShardError, match=f"split 'train'[\\s\\S]*hyperdyn collect data_dir={store.root}"):
        len(open_stream(store))


def test_too_little_for_one_batch_is_told(add_labelled: AddLabelled) -> None:
    store = add_labelled(systems=2, episodes=2, steps=6)
    with pytest.raises(ConfigError, match=r"4 blocks of 5 windows[\s\S]*systems=8"):
        len(open_stream(store, systems=8))
