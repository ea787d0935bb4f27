"""Augmentation: other views of the same laws, the same whoever works on the batch."""

import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from hyperdyn.datamodules.trajectories import TrajectoryDataModule
from hyperdyn.errors import ConfigError
from hyperdyn.nn.normalise import Normaliser
from hyperdyn.shards.augment import Augmentation, mirrored, turned
from hyperdyn.shards.blocks import Draw
from hyperdyn.shards.format import Header
from hyperdyn.shards.store import ShardStore
from hyperdyn.types import Batch, Context, Frame, StateSpec, Transitions
from hyperdyn.views import Views

B, N, T, K = 4, 3, 2, 5
OUTLINE = (3, 4, 5, 6)
FRAME = Frame(position=(0, 1), heading=2, directions=(0,), mirrored=(1,), mirrored_factors=(1,), outline=OUTLINE)
SPEC = StateSpec(7, 3, constant=OUTLINE, frame=FRAME)


def push(obs: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """A law of a planar object: it moves along the push, and turns as far as the push is off its middle.

    How far depends on its radius where it is met, read off its outline; the outline does not change.
    """
    direction, offset, distance = math.pi * action[..., 0], action[..., 1], action[..., 2]
    met = (2 * (direction + math.pi - obs[..., 2]) / math.pi).round().long() % 4
    radius = obs[..., 3:].gather(-1, met[..., None])[..., 0]
    after = obs.clone()
    after[..., 0] += distance * radius * direction.cos()
    after[..., 1] += distance * radius * direction.sin()
    after[..., 2] += offset * distance
    return after


def transitions(*shape: int) -> Transitions:
    g = torch.Generator().manual_seed(len(shape))
    obs = torch.randn(*shape, 7, generator=g)
    action = torch.rand(*shape, 3, generator=g) * 2 - 1
    return Transitions(obs, action, push(obs, action))


@pytest.fixture
def batch() -> Batch:
    context = Context(transitions(B, K), torch.ones(B, K, dtype=torch.bool))
    return Batch(context, transitions(B, N, T), torch.arange(B), torch.randn(B, 2))


def obeys(t: Transitions) -> None:
    torch.testing.assert_close(push(t.obs, t.action), t.next_obs)


QUARTER = torch.tensor([0.0, 0.25, 0.5, 0.75])


def test_what_is_turned_or_mirrored_obeys_the_same_law(batch: Batch) -> None:
    which = torch.tensor([True, False, True, False])
    for new in (turned(batch, FRAME, QUARTER), mirrored(batch, FRAME, which)):
        obeys(new.context.history)
        obeys(new.query)
    torch.testing.assert_close(
        mirrored(batch, FRAME, which).factors[:, 1], batch.factors[:, 1] * (1 - 2 * which.float())
    )


def test_a_turned_object_is_seen_turned_and_nothing_in_the_world_moved(batch: Batch) -> None:
    new = turned(batch, FRAME, QUARTER)
    assert torch.equal(new.query.action, batch.query.action)
    assert torch.equal(new.query.obs[..., :2], batch.query.obs[..., :2])
    norm = Normaliser(SPEC)
    before, after = (norm.changes(b.query.obs, b.query.next_obs)[1, ..., :2] for b in (batch, new))
    torch.testing.assert_close(after, torch.stack([before[..., 1], -before[..., 0]], dim=-1))  # a quarter turn back


def test_twice_in_the_mirror_is_no_mirror(batch: Batch) -> None:
    which = torch.ones(B, dtype=torch.bool)
    twice = mirrored(mirrored(batch, FRAME, which), FRAME, which)
    torch.testing.assert_close(twice.query.obs, batch.query.obs)
    torch.testing.assert_close(twice.query.action, batch.query.action)
    assert not torch.equal(mirrored(batch, FRAME, which).query.next_obs, batch.query.next_obs)


def test_without_an_outline_every_angle_is_possible(batch: Batch) -> None:
    frame = replace(FRAME, outline=())
    new = turned(batch, frame, torch.full((B,), 0.1))
    torch.testing.assert_close(new.query.obs[..., 2] - batch.query.obs[..., 2], torch.full((B, N, T), 0.2 * math.pi))


def test_draws_decide(batch: Batch) -> None:
    draws = [Draw(i, 0, K, turn=0.3, mirror=0.4 if i < 2 else 0.6) for i in range(B)]
    new = Augmentation(("mirror",), SPEC)(batch, draws)
    changed = (new.query.action != batch.query.action).flatten(1).any(1)
    assert changed.tolist() == [True, True, False, False]
    assert Augmentation((), SPEC)(batch, draws) is batch


def test_unknown_kinds_and_frameless_states_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"unknown data.augment"):
        Augmentation(("miror",), SPEC)
    with pytest.raises(ConfigError, match="none"):
        Augmentation(("turn",), StateSpec(7, 3))
    with pytest.raises(ConfigError, match=r"state=family\.state"):
        TrajectoryDataModule("anywhere", augment=["turn"])


@pytest.mark.parametrize("world", [1, 2])
def test_batches_do_not_depend_on_who_works(tmp_path, world: int) -> None:  # type: ignore[no-untyped-def]
    header = Header(
        env_id="e",
        family="f",
        factor_names=("m", "c"),
        obs_dim=7,
        action_dim=3,
        dt=0.1,
        seed=0,
        collector={},
        versions={},
    )
    store = ShardStore.create(tmp_path, header)
    rng = np.random.default_rng(0)
    for system in range(6):
        obs, action = rng.normal(size=(2, 9, 7)), rng.uniform(-1, 1, (2, 8, 3))
        store.append(split="train", system=system, round=0, factors=[1.0, 0.5], obs=obs, action=action, maker="")
    store.close()

    def first(rank: int, world: int) -> torch.Tensor:
        data = TrajectoryDataModule(
            str(tmp_path), history_sizes=[2], systems=4, rows=2, augment=["turn", "mirror"], state=SPEC
        )
        data.stream.rank, data.stream.world = rank, world
        return next(iter(data.stream)).query.obs

    together = torch.cat([first(rank, world) for rank in range(world)])
    assert torch.equal(together, first(0, 1))
    plain = TrajectoryDataModule(str(tmp_path), history_sizes=[2], systems=4, rows=2)
    assert not torch.equal(together, next(iter(plain.stream)).query.obs)


def test_what_cameras_saw_is_turned_and_mirrored_with_the_rest(batch: Batch) -> None:
    views = Views(
        torch.rand(B, 2, 3, 4, 4),
        torch.rand(B, 2, 4, 4),
        torch.rand(B, 2, 3, 3),
        torch.rand(B, 2, 4, 4),
        pose=batch.query.obs[:, 0, 0, :3].clone(),
    )
    batch = replace(batch, context=replace(batch.context, views=views))
    for new in (turned(batch, FRAME, QUARTER), mirrored(batch, FRAME, torch.tensor([True, False, True, False]))):
        assert new.context.views is not None
        torch.testing.assert_close(new.context.views.pose, new.query.obs[:, 0, 0, :3])
