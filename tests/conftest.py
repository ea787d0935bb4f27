"""A family small enough to check by hand: a point mass that is pushed along a line."""

from collections.abc import Sequence
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from torch import Tensor

from hyperdyn.envs.simulator import AbstractSimulator, Array
from hyperdyn.envs.spec import Factor, Family
from hyperdyn.types import StateSpec

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
