"""A half-cheetah of another mass and damping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import mujoco

from hyperdyn.envs.locomotion import half_cheetah
from hyperdyn.envs.locomotion.half_cheetah import AbstractHalfCheetah


@final
class CheetahMass(AbstractHalfCheetah):
    """HalfCheetah-v5 with the two hidden factors of CaDM (Lee et al., ICML 2020).

    mass: scale of every mass and inertia.
    damping: scale of the joints' damping.
    """

    def __init__(self, mass: float = 1.0, damping: float = 1.0, render_mode: str | None = None) -> None:
        super().__init__({"mass": mass, "damping": damping}, render_mode)

    @staticmethod
    def build(factors: Mapping[str, float], visual: bool) -> mujoco.MjModel:
        model = half_cheetah.nominal(visual)
        model.dof_damping *= factors["damping"]
        half_cheetah.scale_mass(model, factors["mass"])
        return model
