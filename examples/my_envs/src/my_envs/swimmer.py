"""Gymnasium's swimmer in a liquid that is not known."""

from __future__ import annotations

from typing import Any

from gymnasium.envs.mujoco.swimmer_v5 import SwimmerEnv


class ViscousSwimmer(SwimmerEnv):
    """viscosity: of the liquid [Pa s]. gear: scale of both motors."""

    def __init__(self, viscosity: float = 0.1, gear: float = 1.0, **kwargs: Any) -> None:
        super().__init__(exclude_current_positions_from_observation=False, **kwargs)
        self.model.opt.viscosity = viscosity
        self.model.actuator_gear[:] *= gear
