"""A half-cheetah that runs up a ramp of hidden height, on a height field."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import Any, ClassVar, final

import mujoco
import numpy as np

from hyperdyn.envs.locomotion import cheetah
from hyperdyn.envs.mujoco import AbstractMujocoEnv
from hyperdyn.envs.simulator import Array

DT = 0.01  # [s]
ROWS, COLUMNS = 528, 500  # samples of the height field along y and x
RADII = (50.0, 5.0)  # [m] half its length and width
BASE = 0.1  # [m] thickness of the slab below
FOOT, RAMP = 249, 90  # the column where the ramp starts (x = -0.1 m) and the columns that it takes (18 m)


@final
class CheetahSlope(AbstractMujocoEnv):
    """The half-cheetah of HyperDynamics' released code: flat ground, one ramp of 18 m, flat ground again.

    r = (c_x' - c_x) / dt - 0.05 |a|^2,    c the centre of mass

    Observation [20]: positions without x (8) [m, rad], velocities (9), centre of mass (3) [m].

    height: of the ramp [m]; its slope is atan(height / 18 m), 12.5 degrees at 4 m.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 100}  # type: ignore[misc]
    frame_skip: ClassVar[int] = 1

    def __init__(self, height: float = 0.0, render_mode: str | None = None) -> None:
        super().__init__({"height": height}, render_mode)

    @staticmethod
    def build(factors: Mapping[str, float], visual: bool) -> mujoco.MjModel:
        model = copy.copy(_nominal(visual))
        model.hfield_size[0, 2] = factors["height"]
        return model

    @staticmethod
    def start(model: mujoco.MjModel, rng: np.random.Generator) -> tuple[Array, Array]:
        return model.qpos0 + 0.01 * rng.standard_normal(model.nq), 0.1 * rng.standard_normal(model.nv)

    @staticmethod
    def observe(state: Array) -> Array:
        com = _centre_of_mass()(state[..., :9])
        return np.concatenate([state[..., 1:18], com], axis=-1)

    @staticmethod
    def motion_of(obs: Array) -> Array:
        at_zero = np.concatenate([np.zeros_like(obs[..., :1]), obs[..., :8]], axis=-1)  # [..., 9]
        x = obs[..., 17] - _centre_of_mass()(at_zero)[..., 0]
        return np.concatenate([x[..., None], obs[..., :17]], axis=-1)

    @staticmethod
    def objective(obs: Any, action: Any, next_obs: Any) -> Any:
        return objective(obs, action, next_obs)

    @staticmethod
    def ground(model: mujoco.MjModel, x: Array, state: Array) -> Array | None:
        return model.hfield_size[0, 2] * np.interp(x, np.linspace(-RADII[0], RADII[0], COLUMNS), ramp())


def objective(obs: Any, action: Any, next_obs: Any) -> Any:
    """Reward [...] of one step: obs [...,20], action [...,6], next_obs [...,20]."""
    forward = (next_obs[..., 17] - obs[..., 17]) / DT
    return forward - 0.05 * (action * action).sum(-1)


def ramp() -> Array:
    """Relative height, 0 to 1, of each column [500] of the height field."""
    return np.clip((np.arange(COLUMNS) - FOOT) / RAMP, 0.0, 1.0)


@cache
def _nominal(visual: bool) -> mujoco.MjModel:
    body = cheetah.spec(visual)
    terrain = body.add_hfield(name="ramp", nrow=ROWS, ncol=COLUMNS, size=[*RADII, 1.0, BASE])
    terrain.userdata = np.tile(ramp(), (ROWS, 1)).ravel()
    floor = body.geom("floor")
    floor.type, floor.hfieldname = mujoco.mjtGeom.mjGEOM_HFIELD, "ramp"
    body.body("torso").pos[2] = 1.0  # above the ground: a height field has no underside to push out from
    return cheetah.compiled(body)


@cache
def _centre_of_mass() -> cheetah.CentreOfMass:
    return cheetah.CentreOfMass(_nominal(False))
