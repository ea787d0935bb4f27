"""An ant that walks up an incline."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from typing import final

import mujoco
import numpy as np

from hyperdyn.envs.locomotion import ant


@final
class AntSlope(ant.AbstractAnt):
    """Ant-v5 on an endless incline, in the incline's own frame: x uphill, z off the ground, gravity tilted.

    g = -9.81 m/s^2 (sin incline, 0, cos incline)

    incline: of the ground [deg]; positive makes +x uphill. Friction 1 holds up to 45 degrees.
    """

    def __init__(self, incline: float = 0.0, render_mode: str | None = None) -> None:
        super().__init__({"incline": incline}, render_mode)

    @staticmethod
    def build(factors: Mapping[str, float], visual: bool) -> mujoco.MjModel:
        model = copy.copy(_nominal(visual))
        angle = np.deg2rad(factors["incline"])
        gravity = -model.opt.gravity[2]
        model.opt.gravity[:] = (-gravity * np.sin(angle), 0.0, -gravity * np.cos(angle))
        return model


@cache
def _nominal(visual: bool) -> mujoco.MjModel:
    return ant.spec(visual).compile()
