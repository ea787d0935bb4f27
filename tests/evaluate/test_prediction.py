"""Prediction error of models whose answer is known."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, ShardError
from hyperdyn.evaluate.prediction import rollout_error
from hyperdyn.evaluate.undisturbed import undisturbed
from hyperdyn.evaluate.windows import Windows
from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.shards.store import ShardStore
from hyperdyn.types import Context, Expert, Transitions

WINDOWS = Windows(history_sizes=(0, 1, 8), horizon=4, rows=20)


class Recorder(AbstractDynamics):
    """Predicts no change and remembers what it was shown."""

    executed_sizes = (3, 2)

    def __init__(self, family: Family) -> None:
        super().__init__(family.state)
        self.weight = nn.Parameter(torch.zeros(()))
        self.dropout = nn.Dropout(0.5)
        self.seen: list[Context] = []
        self.modes: list[bool] = []

    def adapt(self, context: Context) -> Expert:
        self.seen.append(context)
        self.modes.append(self.dropout.training)
        torch.rand(3)
        return ChangeExpert(self.norm, lambda x: self.weight * x[..., :2])


def test_the_true_law_makes_no_error(point_mass_store: ShardStore, point_mass_truth: Any) -> None:
    scores = rollout_error(point_mass_truth, point_mass_store, method="truth", windows=WINDOWS, progress=False)
    assert [(s.split, s.history) for s in scores] == [
        (split, k) for split in ("interpolation", "extrapolation") for k in (0, 1, 8)
    ]
    assert max(max(s.nrmse) for s in scores) < 1e-5
    assert set(point_mass_truth.seen) == {0, 1, 8}


def test_standing_still_has_the_error_of_the_changes_themselves(
    point_mass: Family, point_mass_store: ShardStore
) -> None:
    score = rollout_error(
        Recorder(point_mass),
        point_mass_store,
        method="still",
        splits=["interpolation"],
        windows=WINDOWS,
        progress=False,
    )[0]
    (batch,) = WINDOWS.batches(point_mass_store, "interpolation")
    change = (batch.query.next_obs - batch.query.obs[:, :, :1]).double()  # [B,N,T,S]
    spread = change.flatten(0, 1).var(0, correction=0)
    np.testing.assert_allclose(score.rmse, change.square().mean((0, 1)).sqrt(), rtol=1e-6)
    np.testing.assert_allclose(score.nrmse, (change.square().mean((0, 1)) / spread).mean(-1).sqrt(), rtol=1e-6)
    np.testing.assert_allclose(score.per_system, (change.square().mean(1) / spread).mean(-1).sqrt(), rtol=1e-6)


@pytest.mark.parametrize("style", ["support", "recent"])
def test_a_shorter_history_is_a_part_of_the_longer(
    point_mass: Family, point_mass_store: ShardStore, style: str
) -> None:
    model = Recorder(point_mass)
    windows = Windows(history_sizes=(0, 1, 8), horizon=4, rows=20, context=style)
    rollout_error(model, point_mass_store, method="m", splits=["train"], windows=windows, progress=False)
    none, one, eight = model.seen
    assert none.mask.shape[1] == 0
    assert eight.mask.all()
    kept = -1 if style == "recent" else 0
    torch.testing.assert_close(one.history.obs[:, 0], eight.history.obs[:, kept])


@pytest.mark.parametrize("style", ["support", "recent"])
@pytest.mark.parametrize("history", [0, 4, 8, 16, 99])
def test_each_system_keeps_as_much_of_its_own_history_as_if_it_were_alone(style: str, history: int) -> None:
    counts, K = (16, 11, 6, 0), 16
    obs = torch.arange(float(len(counts) * K)).view(len(counts), K, 1)
    mask = torch.arange(K) < torch.tensor(counts)[:, None]
    past = Transitions(*(torch.where(mask.unsqueeze(2), obs + i, torch.nan) for i in (0.0, 0.25, 0.5)))
    kept = Windows(context=style).first(Context(past, mask), history)
    for b, count in enumerate(counts):
        own = slice(max(0, count - history), count) if style == "recent" else slice(min(count, history))
        for part, whole in ((kept.history.obs, past.obs), (kept.history.next_obs, past.next_obs)):
            assert part[b, kept.mask[b]].tolist() == whole[b, own].tolist()
    assert kept.mask.shape == kept.history.action.shape[:2] == (len(counts), min(history, K))


def test_support_and_query_come_from_different_episodes(point_mass_store: ShardStore) -> None:
    windows = Windows(history_sizes=(100,), horizon=4, rows=50)
    for batch in windows.batches(point_mass_store, "train"):
        for b, info in enumerate(point_mass_store.infos(split="train")):
            data = torch.from_numpy(np.array(point_mass_store.load(info).obs))  # [E,L+1,S]

            def episodes(rows: Tensor, data: Tensor = data) -> set[int]:
                return {int((data == row).all(-1).nonzero()[0, 0]) for row in rows}

            told, asked = episodes(batch.context.history.obs[b]), episodes(batch.query.obs[b, :, 0])
            assert told.isdisjoint(asked)
            assert len(told | asked) == 4


def test_recent_history_ends_where_the_windows_begin(point_mass_store: ShardStore) -> None:
    windows = Windows(history_sizes=(8,), horizon=4, rows=20, context="recent")
    (batch,) = windows.batches(point_mass_store, "train")
    torch.testing.assert_close(batch.context.history.next_obs[:, -1], batch.query.obs[:, 0, 0])
    torch.testing.assert_close(batch.query.obs[:, 1:, 0], batch.query.next_obs[:, :-1, 0])


def test_no_window_counts_twice(point_mass_store: ShardStore) -> None:
    for batch in Windows(horizon=4, rows=60, history_sizes=(0,)).batches(point_mass_store, "train"):
        for rows in batch.query.obs[:, :, 0]:
            assert len(torch.unique(rows, dim=0)) == 60


def test_shares_of_the_systems_are_the_whole(point_mass_store: ShardStore) -> None:
    (whole,) = WINDOWS.batches(point_mass_store, "train")
    parts = [next(WINDOWS.batches(point_mass_store, "train", slice(rank, None, 2))) for rank in range(2)]
    for rank, part in enumerate(parts):
        torch.testing.assert_close(part.query.obs, whole.query.obs[rank::2])
        torch.testing.assert_close(part.context.history.obs, whole.context.history.obs[rank::2])


def test_evaluating_leaves_no_trace(point_mass: Family, point_mass_store: ShardStore) -> None:
    model = Recorder(point_mass).train()
    model.norm.eval()
    torch.manual_seed(5)
    expected = torch.rand(4)
    torch.manual_seed(5)
    rollout_error(model, point_mass_store, method="m", splits=["train"], windows=WINDOWS, progress=False)
    torch.testing.assert_close(torch.rand(4), expected)
    assert not any(model.modes)
    assert (model.training, model.dropout.training, model.norm.training) == (True, True, False)


def test_modes_return_also_after_an_error(point_mass: Family) -> None:
    model = Recorder(point_mass).train()
    with pytest.raises(RuntimeError, match="grad"), undisturbed(model):
        (model.weight * 2).backward()
    assert model.training
    assert torch.is_grad_enabled()


def test_what_cannot_be_evaluated_is_named(point_mass_store: ShardStore) -> None:
    with pytest.raises(ConfigError, match="too little data"):
        list(Windows(rows=400, horizon=4).batches(point_mass_store, "train"))
    with pytest.raises(ConfigError, match="in a row"):
        list(Windows(rows=58, horizon=4, context="recent").batches(point_mass_store, "train"))
    longest = Windows(rows=20, horizon=4, history_sizes=(0, 120))  # two of four episodes of 60 steps
    assert {int(k) for batch in longest.batches(point_mass_store, "train") for k in batch.context.mask.sum(1)} == {120}
    too_long = replace(longest, history_sizes=(0, 121))
    with pytest.raises(ConfigError, match=r"(?s)got: *120 .*expected: *K = 121.*history_sizes of at most 120"):
        list(too_long.batches(point_mass_store, "train"))
    (batch,) = replace(too_long, fewer=True).batches(point_mass_store, "train")
    assert batch.context.mask.sum(1).tolist() == [120] * 6
    with pytest.raises(ShardError, match="holds extrapolation, interpolation, train"):
        list(WINDOWS.batches(point_mass_store, "validation"))
    with pytest.raises(ConfigError, match="did you mean 'recent'"):
        Windows(context="recnt")


@pytest.mark.parametrize(("lengths", "longest"), [((9, 4, 7), 7), ((9, 4), 4), ((3, 9, 5, 8), 5), ((9,), 0)])
def test_windows_are_at_most_as_long_as_whichever_episodes_are_asked_about(
    lengths: tuple[int, ...], longest: int, add_labelled: Any
) -> None:
    store = add_labelled(systems=1, episodes=len(lengths), steps=max(lengths), lengths=lengths)
    windows = [Windows((0,), T, 1, seed=seed) for seed in range(12) for T in (longest, longest + 1) if T]
    assert {w.longest(store, "train") for w in windows} == {longest}

    def works(w: Windows) -> bool:
        try:
            return bool(next(w.batches(store, "train")).query.obs.shape[2])
        except ConfigError:
            return False

    assert all(works(w) for w in windows if w.horizon == longest)
    assert not all(works(w) for w in windows if w.horizon == longest + 1)
