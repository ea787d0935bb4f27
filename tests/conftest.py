"""A family small enough to check by hand: a point mass that is pushed along a line."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from torch import Tensor

from hyperdyn.envs.simulator import AbstractSimulator, Array
from hyperdyn.envs.spec import Factor, Family
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.shards.format import Header
from hyperdyn.shards.store import ShardStore
from hyperdyn.types import Context, Expert, StateSpec, Step

torch.set_num_threads(1)  # as `make test`: laws to the last bit hold where a sum is not split among threads

DT = 0.1


class PointMassSimulator(AbstractSimulator):
    """x' = x + dt v,  v' = v + dt (gain a - drag v). State and observation are (x, v)."""

    def __init__(self, family: Family, factors: Array) -> None:
        self.batch = len(factors)
        self.gain, self.drag = np.asarray(factors, dtype=np.float64).T

    def reset(self, seeds: Sequence[int]) -> Array:
        return np.stack([np.random.default_rng(s).normal(size=2) for s in seeds])

    def observe(self, state: Array) -> Array:
        return state

    def state_of(self, obs: Array) -> Array:
        return obs

    def rollout(self, state: Array, action: Array) -> Array:
        gain, drag = self.gain[:, None], self.drag[:, None]
        x, v = state[..., 0], state[..., 1]
        states = []
        for t in range(action.shape[2]):
            x, v = x + DT * v, v + DT * (gain * action[:, :, t, 0] - drag * v)
            states.append(np.stack([x, v], axis=-1))
        return np.stack(states, axis=2)


class PointMassEnv(gymnasium.Env[Any, Any]):
    """One point mass; exists so that the family has an environment to name."""


class PointMassExpert(Expert):
    """The same law in torch; factors [B,2]."""

    def __init__(self, factors: Tensor) -> None:
        self.gain, self.drag = factors[:, :1], factors[:, 1:]

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor) -> Step:
        x, v = state.unbind(-1)
        after = torch.stack([x + DT * v, v + DT * (self.gain * action[..., 0] - self.drag * v)], dim=-1)
        return Step(after, after)


class PointMassTruth(AbstractDynamics):
    """Knows the law of motion and is told the factors; remembers the K of the contexts that it saw."""

    privileged = True
    executed_sizes = (2, 2)

    def __init__(self, spec: StateSpec) -> None:
        super().__init__(spec)
        self.scale = torch.nn.Parameter(torch.ones(()))
        self.seen: list[int] = []

    def adapt(self, context: Context) -> Expert:
        assert context.factors is not None
        self.seen.append(context.mask.shape[1])
        return PointMassExpert(context.factors * self.scale)


def forward_velocity(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
    return next_obs[..., 1]


@pytest.fixture
def point_mass() -> Family:
    """Family with factors gain and drag, S = 2, A = 1, reward v'."""
    factors = {
        "gain": Factor("N", 1.0, train=((0.5, 2.0),), extrapolation=((3.0, 4.0),)),
        "drag": Factor("1/s", 0.5, train=((0.1, 1.0),)),
    }
    torch.manual_seed(0)
    return Family(
        "point_mass", "PointMass-v0", factors, StateSpec(2, 1, drop=(0,)), DT, 50, forward_velocity, PointMassSimulator
    )


@pytest.fixture
def point_mass_truth(point_mass: Family) -> PointMassTruth:
    return PointMassTruth(point_mass.state)


@pytest.fixture
def point_mass_store(point_mass: Family, tmp_path: Path) -> ShardStore:
    """Six systems of each split, four episodes of 60 steps under uniform actions."""
    header = Header(point_mass.env_id, point_mass.name, point_mass.factor_names, 2, 1, point_mass.dt, seed=0)
    store = ShardStore.create(tmp_path / "point_mass", header)
    rng = np.random.default_rng(0)
    for split in ("train", "interpolation", "extrapolation"):
        factors = point_mass.draw(split, 6, 0)
        action = rng.uniform(-1, 1, (6, 4, 60, 1)).astype(np.float32)
        start = rng.normal(size=(6, 4, 2))
        states = point_mass.simulate(factors).rollout(start, action.astype(np.float64))
        obs = np.concatenate([start[:, :, None], states], axis=2)
        for n in range(6):
            store.append(split=split, system=n, round=0, factors=factors[n].tolist(), obs=obs[n], action=action[n])
    return store


AddLabelled = Callable[..., ShardStore]


@pytest.fixture
def add_labelled(tmp_path: Path) -> AddLabelled:
    """Adds systems whose every value says where it lies: obs (system, round, episode, t), action (episode, t) / 1024.

    add_labelled(systems=3, episodes=4, steps=10, lengths=None, split="train", round=0, name="labelled"); lengths [E].
    """

    def add(
        systems: int = 3,
        episodes: int = 4,
        steps: int = 10,
        lengths: Sequence[int] | None = None,
        split: str = "train",
        round: int = 0,
        name: str = "labelled",
    ) -> ShardStore:
        store = ShardStore.create(tmp_path / name, Header("Labels-v0", "labels", ("a", "b"), 4, 2, DT, seed=0))
        e, t = np.meshgrid(np.arange(episodes), np.arange(steps + 1), indexing="ij")
        action = np.stack([e, t], axis=-1)[:, :-1] / 1024
        for n in range(systems):
            obs = np.stack([np.full_like(e, n), np.full_like(e, round), e, t], axis=-1)
            store.append(split=split, system=n, round=round, factors=(n, 2.0), obs=obs, action=action, length=lengths)
        return store

    return add
