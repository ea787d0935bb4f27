"""One order for the whole world: laws that hold for any counts, any batch size and any number of ranks."""

from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperdyn.errors import ConfigError
from hyperdyn.shards.blocks import Draw
from hyperdyn.shards.sampler import ElasticSampler

LAW = settings(max_examples=40, deadline=None, derandomize=True)
COUNTS = st.lists(st.integers(0, 9), min_size=1, max_size=12).map(np.array)
SIZES = (0, 1, 4, 16)


def sampler(counts: np.ndarray, systems: int = 4, seed: int = 0, epoch: int = 0, same: bool = True) -> ElasticSampler:
    made = ElasticSampler(systems, SIZES, seed=seed, same_history_size=same)
    made.set_epoch(epoch)
    made.arrange(counts)
    return made


def epoch_of(made: ElasticSampler, rank: int = 0, world: int = 1) -> list[list[Draw]]:
    batches = []
    while not made.finished:
        batches.append(made.batch(rank, world))
    return batches


@LAW
@given(COUNTS, st.sampled_from([4, 8]), st.integers(0, 3), st.booleans())
def test_ranks_together_see_the_batches_of_one_process(
    counts: np.ndarray, systems: int, epoch: int, same: bool
) -> None:
    alone = epoch_of(sampler(counts, systems, epoch=epoch, same=same))
    for world in (2, 4):
        ranks = [epoch_of(sampler(counts, systems, epoch=epoch, same=same), r, world) for r in range(world)]
        assert [list(chain(*parts)) for parts in zip(*ranks, strict=True)] == alone


@LAW
@given(COUNTS, st.integers(1, 9), st.integers(0, 3))
def test_no_block_comes_twice_and_fewer_than_a_batch_are_left_out(counts: np.ndarray, systems: int, epoch: int) -> None:
    made = sampler(counts, systems, epoch=epoch)
    length = len(made)
    batches = epoch_of(made)
    seen = [(d.system, d.k) for batch in batches for d in batch]
    assert len(set(seen)) == len(seen) == length * systems
    assert set(seen) <= {(s, k) for s, count in enumerate(counts) for k in range(count)}
    assert counts.sum() - len(seen) < systems
    assert len(batches) == length


@LAW
@given(COUNTS, st.integers(0, 20), st.sampled_from([1, 2, 4]))
def test_a_state_goes_on_on_another_number_of_ranks(counts: np.ndarray, stop: int, world: int) -> None:
    whole = epoch_of(sampler(counts, 4))
    stop = min(stop, len(whole))
    rest = []
    for rank in range(world):
        made = sampler(counts, 4)
        for _ in range(stop):
            made.batch()
        rest.append(epoch_of(made, rank, world))
    assert [list(chain(*parts)) for parts in zip(*rest, strict=True)] == whole[stop:]


def test_a_batch_holds_as_many_systems_as_there_are() -> None:
    for batch in epoch_of(sampler(np.full(12, 5), 4)):
        assert len({d.system for d in batch}) == 4


def test_systems_with_more_blocks_are_spread_over_the_epoch() -> None:
    order = [d.system for batch in epoch_of(sampler(np.array([30, 10, 10, 10]), 4)) for d in batch]
    for third in np.array_split(order, 3):
        assert abs(int((third == 0).sum()) - 10) <= 1


def test_epochs_and_seeds_differ_and_repeat() -> None:
    counts = np.full(6, 8)
    first = epoch_of(sampler(counts))
    assert epoch_of(sampler(counts)) == first
    assert epoch_of(sampler(counts, epoch=1)) != first
    assert epoch_of(sampler(counts, seed=1)) != first


def test_what_the_last_batch_leaves_out_changes_with_the_epoch() -> None:
    counts = np.array([3, 3])
    seen = [{(d.system, d.k) for b in epoch_of(sampler(counts, 4, epoch=e)) for d in b} for e in range(40)]
    assert set.union(*seen) == {(s, k) for s in range(2) for k in range(3)}


def test_one_history_size_for_a_batch_or_one_for_each_system() -> None:
    counts = np.full(8, 40)
    sizes = [{d.history for d in batch} for batch in epoch_of(sampler(counts))]
    assert all(len(s) == 1 for s in sizes)
    assert set.union(*sizes) == set(SIZES)
    mixed = [{d.history for d in batch} for batch in epoch_of(sampler(counts, same=False))]
    assert max(map(len, mixed)) > 1


def test_the_epoch_at_hand_goes_on_and_another_one_begins() -> None:
    made = sampler(np.full(4, 4))
    made.batch()
    made.set_epoch(0)
    assert made.consumed == 4
    made.set_epoch(1)
    assert made.consumed == 0


def test_a_batch_that_ranks_cannot_share_is_refused() -> None:
    with pytest.raises(ConfigError, match="systems=4 on 3 processes"):
        sampler(np.full(4, 4)).batch(0, 3)
