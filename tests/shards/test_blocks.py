"""Which windows and contexts an epoch is made of."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hyperdyn.errors import ConfigError
from hyperdyn.shards import blocks as blocks_module
from hyperdyn.shards.blocks import AbstractBlocks, Block, Draw
from hyperdyn.shards.episodes import Episodes, by_system, split_codes
from hyperdyn.shards.format import ShardInfo
from hyperdyn.shards.recent import RecentBlocks
from hyperdyn.shards.support import SupportBlocks

LAW = settings(max_examples=40, deadline=None, derandomize=True)
LENGTHS = st.lists(st.integers(1, 30), min_size=2, max_size=7)


def system(lengths: Sequence[int], number: int = 0, round: int = 0) -> ShardInfo:
    return ShardInfo("x", "train", number, round, (1.0,), tuple(lengths), 30, 0, "")


def all_blocks(made: AbstractBlocks[Any], history: int = 8, where: float = 0.3, style: float = 0.0) -> list[Block]:
    return [made.block(Draw(s, k, history, where, style)) for s, count in enumerate(made.counts) for k in range(count)]


def windows(episodes: Episodes, horizon: int) -> set[int]:
    return {
        int(first) + t
        for first, length in zip(episodes.first, episodes.length, strict=True)
        for t in range(length - horizon + 1)
    }


def episode_of(codes: np.ndarray) -> set[tuple[int, int]]:
    shard, episode, _ = split_codes(codes)
    return set(zip(shard.tolist(), episode.tolist(), strict=True))


@LAW
@given(LENGTHS, st.integers(1, 6), st.integers(1, 4), st.integers(0, 5), st.sampled_from([SupportBlocks, RecentBlocks]))
def test_every_window_comes_at_most_once_and_none_is_made_up(
    lengths: list[int], rows: int, horizon: int, epoch: int, kind: Any
) -> None:
    (episodes,) = by_system([system(lengths)])
    made = kind([episodes], rows=rows, horizon=horizon, seed=0, epoch=epoch)
    seen = [int(code) for block in all_blocks(made) for code in block.query]
    assert len(set(seen)) == len(seen)
    assert set(seen) <= windows(episodes, horizon)
    left_out = len(windows(episodes, horizon)) - len(seen)
    assert left_out <= (2 if kind is SupportBlocks else len(lengths)) * (rows - 1)


@LAW
@given(
    LENGTHS, st.integers(0, 40), st.floats(0, 1, exclude_max=True), st.sampled_from(["scattered", "segment", "mixed"])
)
def test_a_context_comes_from_episodes_that_its_queries_do_not(
    lengths: list[int], history: int, where: float, style: str
) -> None:
    episodes = by_system([system(lengths), system(lengths[::-1], round=1)])
    made = SupportBlocks(episodes, rows=3, horizon=1, seed=0, epoch=0, style=style)
    for block in all_blocks(made, history, where, style=where):
        assert not episode_of(block.context) & episode_of(block.query)
        assert set(block.context.tolist()) <= windows(episodes[0], 1)
        assert len(set(block.context.tolist())) == len(block.context) <= history


def test_a_scattered_context_is_as_long_as_asked_wherever_it_begins() -> None:
    episodes = by_system([system([10, 10, 10, 10])])
    made = SupportBlocks(episodes, rows=5, horizon=1, seed=0, epoch=0)
    for where in (0.0, 0.5, 0.99):
        assert all(len(block.context) == 16 for block in all_blocks(made, 16, where))
        assert all(len(block.context) == 20 for block in all_blocks(made, 64, where))


def test_scattered_contexts_are_spread_over_episodes_and_segments_are_not() -> None:
    episodes = by_system([system([30] * 8)])
    for style, spread in (("scattered", 4), ("segment", 1)):
        made = SupportBlocks(episodes, rows=5, horizon=1, seed=0, epoch=0, style=style)
        assert all(len(episode_of(block.context)) == spread for block in all_blocks(made, 24))


def test_mixed_is_each_style() -> None:
    episodes = by_system([system([30] * 8)])
    made = SupportBlocks(episodes, rows=5, horizon=1, seed=0, epoch=0, style="mixed")
    assert len(episode_of(made.block(Draw(0, 0, 24, 0.5, style=0.1)).context)) == 1
    assert len(episode_of(made.block(Draw(0, 0, 24, 0.5, style=0.9)).context)) > 1


@LAW
@given(st.floats(0, 1, exclude_max=True))
def test_a_segment_is_consecutive(where: float) -> None:
    made = SupportBlocks(by_system([system([5, 30, 9, 30])]), rows=2, horizon=1, seed=0, epoch=0, style="segment")
    for block in all_blocks(made, 9, where):
        assert (np.diff(block.context) == 1).all()
        assert len(episode_of(block.context)) == 1


def test_segments_reach_every_place_where_they_fit() -> None:
    made = SupportBlocks(by_system([system([6, 8])]), rows=1, horizon=1, seed=0, epoch=0, style="segment")
    first = {int(made.block(Draw(0, k, 5, w)).context[0]) for k in (0, 13) for w in np.linspace(0, 0.999, 40)}
    (episodes,) = by_system([system([6, 8])])
    assert first == {int(episodes.first[0]) + t for t in range(2)} | {int(episodes.first[1]) + t for t in range(4)}


def test_recent_windows_follow_each_other_and_the_context_comes_right_before() -> None:
    made = RecentBlocks(by_system([system([30, 17])]), rows=6, horizon=2, seed=0, epoch=0)
    found = all_blocks(made, 4)
    assert len(found) == 29 // 6 + 16 // 6
    for block in found:
        assert (np.diff(block.query) == 1).all()
        begin = int(split_codes(block.query)[2][0])
        expected = np.arange(block.query[0] - min(4, begin), block.query[0])
        assert block.context.tolist() == expected.tolist()


def test_what_an_epoch_leaves_out_changes() -> None:
    episodes = by_system([system([10, 10])])
    for kind in (SupportBlocks, RecentBlocks):
        seen: set[int] = set()
        for epoch in range(30):
            made = kind(episodes, rows=7, horizon=1, seed=0, epoch=epoch)
            seen |= {int(code) for block in all_blocks(made) for code in block.query}
        assert seen == windows(episodes[0], 1)


@pytest.mark.parametrize("kind", [SupportBlocks, RecentBlocks])
@pytest.mark.parametrize("horizon", [1, 2])
def test_rounds_weigh_from_one_to_the_newest_ones_weight(kind: Any, horizon: int) -> None:
    episodes = by_system([system([10, 10]), system([9, 9], round=1), system([8, 8], round=2)])
    made = kind(episodes, rows=1, horizon=horizon, seed=0, epoch=0, round_weight=3)
    times = Counter(int(code) for block in all_blocks(made) for code in block.query)
    assert set(times) == windows(episodes[0], horizon)
    assert {int(split_codes(np.array(c))[0]): n for c, n in times.items()} == {0: 1, 1: 2, 2: 3}


def test_a_single_round_has_no_weight() -> None:
    made = SupportBlocks(by_system([system([10, 10])]), rows=1, horizon=1, seed=0, epoch=0, round_weight=3)
    assert made.counts.tolist() == [20]


@pytest.mark.parametrize("kind", [SupportBlocks, RecentBlocks])
def test_a_block_is_the_same_whoever_asks_and_however_little_is_remembered(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    systems = by_system([system([12, 20, 9], n) for n in range(5)])

    def made() -> AbstractBlocks[Any]:
        return kind(systems, rows=4, horizon=1, seed=3, epoch=2)

    forward = all_blocks(made())
    monkeypatch.setattr(blocks_module, "CACHED_STEPS", 50)
    forgetful = made()
    order = [(s, k) for s, count in enumerate(forgetful.counts) for k in range(count)]
    backward = {(s, k): forgetful.block(Draw(s, k, 8, 0.3)) for s, k in order[::-1]}
    assert len(forgetful._plans) == 1
    for block, key in zip(forward, order, strict=True):
        np.testing.assert_array_equal(block.query, backward[key].query)
        np.testing.assert_array_equal(block.context, backward[key].context)


def test_a_support_context_needs_two_episodes() -> None:
    with pytest.raises(ConfigError, match=r"system 7 of split 'train'[\s\S]*trajectories_recent"):
        SupportBlocks(by_system([system([10], 7)]), rows=1, horizon=1, seed=0, epoch=0)
