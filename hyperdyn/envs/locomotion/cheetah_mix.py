"""A half-cheetah with ten hidden factors at once."""

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

DT = 0.05  # [s]
POSITIONS, VELOCITIES = 9, 9


@final
class CheetahMix(AbstractMujocoEnv):
    """HalfCheetah-v5 with another gravity, mass, damping, friction and motors.

    r = (x' - x) / dt - 0.1 |a|^2

    Observation [18]: positions (x, z, pitch, six joints) [m, rad], then their velocities. Nominal factors step exactly
    as HalfCheetah-v5 does.

    tilt: gravity tilted by this angle [deg]; positive makes +x uphill.
    mass: scale of every mass and inertia.
    damping: scale of the joints' damping.
    friction: sliding friction of feet and floor.
    gain_*: scale of each motor's torque; 0 is a dead motor.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}  # type: ignore[misc]
    frame_skip: ClassVar[int] = 5

    def __init__(
        self,
        tilt: float = 0.0,
        mass: float = 1.0,
        damping: float = 1.0,
        friction: float = 0.4,
        gain_bthigh: float = 1.0,
        gain_bshin: float = 1.0,
        gain_bfoot: float = 1.0,
        gain_fthigh: float = 1.0,
        gain_fshin: float = 1.0,
        gain_ffoot: float = 1.0,
        render_mode: str | None = None,
    ) -> None:
        gains = (gain_bthigh, gain_bshin, gain_bfoot, gain_fthigh, gain_fshin, gain_ffoot)
        factors = {"tilt": tilt, "mass": mass, "damping": damping, "friction": friction}
        factors |= {f"gain_{motor}": gain for motor, gain in zip(cheetah.MOTORS, gains, strict=True)}
        super().__init__(factors, render_mode)

    @staticmethod
    def build(factors: Mapping[str, float], visual: bool) -> mujoco.MjModel:
        model = copy.copy(_nominal(visual))
        angle = np.deg2rad(factors["tilt"])
        gravity = -model.opt.gravity[2]
        model.opt.gravity[:] = (-gravity * np.sin(angle), 0.0, -gravity * np.cos(angle))
        model.body_mass *= factors["mass"]
        model.body_inertia *= factors["mass"]
        model.dof_damping *= factors["damping"]
        model.geom_friction[:, 0] = factors["friction"]
        model.actuator_gear[:, 0] *= [factors[f"gain_{motor}"] for motor in cheetah.MOTORS]
        mujoco.mj_setConst(model, _scratch(visual))  # the solver scales constraints by the masses
        return model

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
    def ground(model: mujoco.MjModel, x: Array) -> Array | None:
        return np.zeros_like(x)


def objective(obs: Any, action: Any, next_obs: Any) -> Any:
    """Reward [...] of one step: obs [...,18], action [...,6], next_obs [...,18]."""
    forward = (next_obs[..., 0] - obs[..., 0]) / DT
    return forward - 0.1 * (action * action).sum(-1)


@cache
def _nominal(visual: bool) -> mujoco.MjModel:
    return cheetah.compiled(cheetah.spec(visual))


@cache
def _scratch(visual: bool) -> mujoco.MjData:
    return mujoco.MjData(_nominal(visual))
