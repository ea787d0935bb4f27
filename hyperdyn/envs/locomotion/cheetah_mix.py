"""A half-cheetah with ten hidden factors at once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import mujoco
import numpy as np

from hyperdyn.envs.locomotion import cheetah, half_cheetah
from hyperdyn.envs.locomotion.half_cheetah import AbstractHalfCheetah

objective = half_cheetah.objective


@final
class CheetahMix(AbstractHalfCheetah):
    """HalfCheetah-v5 with another gravity, mass, damping, friction and motors.

    tilt: gravity tilted by this angle [deg]; positive makes +x uphill.
    mass: scale of every mass and inertia.
    damping: scale of the joints' damping.
    friction: sliding friction of feet and floor.
    gain_*: scale of each motor's torque; 0 is a dead motor.
    """

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
        model = half_cheetah.nominal(visual)
        angle = np.deg2rad(factors["tilt"])
        gravity = -model.opt.gravity[2]
        model.opt.gravity[:] = (-gravity * np.sin(angle), 0.0, -gravity * np.cos(angle))
        model.dof_damping *= factors["damping"]
        model.geom_friction[:, 0] = factors["friction"]
        model.actuator_gear[:, 0] *= [factors[f"gain_{motor}"] for motor in cheetah.MOTORS]
        half_cheetah.scale_mass(model, factors["mass"])
        return model
