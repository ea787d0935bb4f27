"""A pendulum with hidden gravity, mass and length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, final

import gymnasium
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.utils import seeding
from numpy.typing import NDArray
from torch import Tensor

from hyperdyn.envs.simulator import AbstractSimulator, Array

if TYPE_CHECKING:
    from hyperdyn.envs.spec import Family

DT = 0.05  # [s]
MAX_TORQUE = 2.0  # [N m] under action 1
MAX_SPEED = 8.0  # [rad/s]


@final
class Pendulum(gymnasium.Env[Array, NDArray[np.float32]]):
    """Gymnasium's Pendulum-v1, its torque scaled to the action box [-1, 1].

    w' = clip(w + (3 g / (2 l) sin(theta) + 3 / (m l^2) u) dt),    theta' = theta + w' dt,    u = 2 a
    r = -(theta^2 + 0.1 w^2 + 0.001 u^2),    theta = 0 upright, in (-pi, pi]

    Observation [3]: cos(theta), sin(theta), w [rad/s].

    gravity: g [m/s^2].
    mass: m [kg].
    length: l [m].
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}  # type: ignore[misc]

    def __init__(
        self, gravity: float = 10.0, mass: float = 1.0, length: float = 1.0, render_mode: str | None = None
    ) -> None:
        self.factors = np.array([gravity, mass, length])
        self.render_mode = render_mode
        self.state = np.zeros(2)  # theta [rad], w [rad/s]
        bound = np.array([1.0, 1.0, MAX_SPEED])
        self.action_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.observation_space = spaces.Box(-bound, bound, dtype=np.float64)

    def set_state(self, state: Array) -> None:
        """Put the system into a state [2]."""
        self.state = np.array(state, dtype=np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        self.state = _start(self.np_random)
        return _observe(self.state), {}

    def step(self, action: NDArray[np.float32]) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        before = torch.from_numpy(_observe(self.state))
        self.state = _advance(self.factors, self.state, np.asarray(action, dtype=np.float64))
        after = _observe(self.state)
        reward = objective(before, torch.from_numpy(np.asarray(action, dtype=np.float64)), torch.from_numpy(after))
        return after, float(reward), False, False, {}

    def render(self) -> NDArray[np.uint8] | None:
        """The rod as an image [240,240,3], or None without a render mode."""
        if self.render_mode is None:
            return None
        across = np.linspace(-1.2, 1.2, 240)
        x, z = np.meshgrid(across, -across)
        tip = _tip(self.state)
        along = np.clip(x * tip[0] + z * tip[1], 0.0, 1.0)
        near = np.hypot(x - along * tip[0], z - along * tip[1]) < 0.08
        return np.where(near[..., None], (204, 77, 77), (255, 255, 255)).astype(np.uint8)


@final
class PendulumSimulator(AbstractSimulator):
    """B pendulums in NumPy. A state [2] is theta [rad] and w [rad/s]."""

    def __init__(self, family: Family, factors: Array) -> None:
        self.batch = len(factors)
        self.factors = np.asarray(factors, dtype=np.float64)

    def reset(self, seeds: Sequence[int]) -> Array:
        return np.stack([_start(seeding.np_random(seed)[0]) for seed in seeds])

    def observe(self, state: Array) -> Array:
        return _observe(state)

    def state_of(self, obs: Array) -> Array:
        return np.stack([np.arctan2(obs[..., 1], obs[..., 0]), obs[..., 2]], axis=-1)

    def rollout(self, state: Array, action: Array) -> Array:
        self.check_shapes(state, action)
        states = np.empty((*action.shape[:-1], 2))  # [B, N, T, 2]
        for t in range(action.shape[2]):
            state = states[:, :, t] = _advance(self.factors[:, None], state, action[:, :, t])
        return states

    def segments(self, system: int, state: Array) -> Array:
        """The rod [1,2,2] in units of its length."""
        return np.stack([np.zeros(2), _tip(state)])[None]

    def ground(self, system: int, x: Array, state: Array) -> Array | None:
        """A pendulum has no ground."""
        return None


def objective(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
    """Reward [...] of one step: obs [...,3], action [...,1], next_obs [...,3]."""
    theta, speed = torch.atan2(obs[..., 1], obs[..., 0]), obs[..., 2]
    torque = MAX_TORQUE * action[..., 0].clamp(-1.0, 1.0)
    return -(theta.square() + 0.1 * speed.square() + 0.001 * torque.square())


def _start(rng: np.random.Generator) -> Array:
    return rng.uniform(low=(-np.pi, -1.0), high=(np.pi, 1.0))


def _observe(state: Array) -> Array:
    return np.stack([np.cos(state[..., 0]), np.sin(state[..., 0]), state[..., 1]], axis=-1)


def _tip(state: Array) -> Array:
    return np.array([-np.sin(state[0]), np.cos(state[0])])


def _advance(factors: Array, state: Array, action: Array) -> Array:
    """States [...,2] one step after [...,2] under actions [...,1], factors [...,3]."""
    g, m, length = np.moveaxis(factors, -1, 0)
    theta, speed = state[..., 0], state[..., 1]
    torque = MAX_TORQUE * np.clip(action[..., 0], -1.0, 1.0)
    faster = speed + (3 * g / (2 * length) * np.sin(theta) + 3.0 / (m * length**2) * torque) * DT
    faster = np.clip(faster, -MAX_SPEED, MAX_SPEED)
    return np.stack([theta + faster * DT, faster], axis=-1)
