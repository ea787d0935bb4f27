"""A half-cheetah with one dead motor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import final

import mujoco

from hyperdyn.envs.locomotion import cheetah, half_cheetah
from hyperdyn.envs.locomotion.half_cheetah import AbstractHalfCheetah


@final
class CheetahCripple(AbstractHalfCheetah):
    """HalfCheetah-v5 whose motors may be dead: the disabled joint of GrBAL (Nagabandi et al., ICLR 2019).

    gain_*: scale of each motor's torque; 0 is a dead motor. The joint's spring and damper still act.
    """

    def __init__(
        self,
        gain_bthigh: float = 1.0,
        gain_bshin: float = 1.0,
        gain_bfoot: float = 1.0,
        gain_fthigh: float = 1.0,
        gain_fshin: float = 1.0,
        gain_ffoot: float = 1.0,
        render_mode: str | None = None,
    ) -> None:
        gains = (gain_bthigh, gain_bshin, gain_bfoot, gain_fthigh, gain_fshin, gain_ffoot)
        factors = {f"gain_{motor}": gain for motor, gain in zip(cheetah.MOTORS, gains, strict=True)}
        super().__init__(factors, render_mode)

    @staticmethod
    def build(factors: Mapping[str, float], visual: bool) -> mujoco.MjModel:
        model = half_cheetah.nominal(visual)
        model.actuator_gear[:, 0] *= [factors[f"gain_{motor}"] for motor in cheetah.MOTORS]
        return model
