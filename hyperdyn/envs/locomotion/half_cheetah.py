"""What the families on HalfCheetah-v5's flat ground share: its time step, start, observation and reward."""

from __future__ import annotations

import copy
from abc import ABC
from functools import cache
from typing import Any, ClassVar

import mujoco
import numpy as np

from hyperdyn.envs.locomotion import cheetah
from hyperdyn.envs.mujoco import AbstractMujocoEnv
from hyperdyn.envs.simulator import Array

DT = 0.05  # [s]
POSITIONS, VELOCITIES = 9, 9


class AbstractHalfCheetah(AbstractMujocoEnv, ABC):
    """HalfCheetah-v5 with factors; with all of them nominal it steps exactly as that environment does.

    r = (x' - x) / dt - 0.1 |a|^2

    Observation [18]: positions (x, z, pitch, six joints) [m, rad], then their velocities.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}  # type: ignore[misc]
    frame_skip: ClassVar[int] = 5

    @staticmethod
    def start(model: mujoco.MjModel, rng: np.random.Generator) -> tuple[Array, Array]:
        qpos = model.qpos0 + rng.uniform(-0.1, 0.1, POSITIONS)
        return qpos, 0.1 * rng.standard_normal(VELOCITIES)

    @staticmethod
    def observe(state: Array) -> Array:
        return state[..., : POSITIONS + VELOCITIES]

    @staticmethod
    def motion_of(obs: Array) -> Array:
        return obs

    @staticmethod
    def objective(obs: Any, action: Any, next_obs: Any) -> Any:
        return objective(obs, action, next_obs)

    @staticmethod
    def ground(model: mujoco.MjModel, x: Array, state: Array) -> Array | None:
        return np.zeros_like(x)


def objective(obs: Any, action: Any, next_obs: Any) -> Any:
    """Reward [...] of one step: obs [...,S] that begins with x [m], action [...,6], next_obs [...,S]."""
    forward = (next_obs[..., 0] - obs[..., 0]) / DT
    return forward - 0.1 * (action * action).sum(-1)


def nominal(visual: bool) -> mujoco.MjModel:
    """A model of HalfCheetah-v5 that the caller may change."""
    return copy.copy(_nominal(visual))


def scale_mass(model: mujoco.MjModel, scale: float) -> None:
    """Scale every mass and inertia of a copy of the nominal model."""
    model.body_mass *= scale
    model.body_inertia *= scale
    mujoco.mj_setConst(model, _scratch())  # the solver scales constraints by the masses


@cache
def _nominal(visual: bool) -> mujoco.MjModel:
    return cheetah.compiled(cheetah.spec(visual))


@cache
def _scratch() -> mujoco.MjData:
    return mujoco.MjData(_nominal(False))
