"""An ant with one crippled leg."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import lru_cache
from typing import final

import mujoco

from hyperdyn.envs.locomotion import ant

LEGS = ("front_left", "front_right", "back_left", "back_right")
"""Legs in the order of GrBAL, named as by Gymnasium, whose front is +y; leg i has hip_{i+1} and ankle_{i+1}."""


@final
class AntCripple(ant.AbstractAnt):
    """Ant-v5 with a leg that is short and has no motors: the crippled leg of GrBAL (Nagabandi et al., ICLR 2019).

    A leg of strength s has s times the torque and (1 + s) / 2 times the length, thigh and shin alike; its mass follows
    from the density. The stump that joins the thigh to the torso stays. GrBAL's own file also halves the leg's radius.

    leg_*: strength of each leg; 1 is whole, 0 is crippled.
    """

    def __init__(
        self,
        leg_front_left: float = 1.0,
        leg_front_right: float = 1.0,
        leg_back_left: float = 1.0,
        leg_back_right: float = 1.0,
        render_mode: str | None = None,
    ) -> None:
        strength = (leg_front_left, leg_front_right, leg_back_left, leg_back_right)
        super().__init__({f"leg_{leg}": s for leg, s in zip(LEGS, strength, strict=True)}, render_mode)

    @staticmethod
    def build(factors: Mapping[str, float], visual: bool) -> mujoco.MjModel:
        return copy.copy(_with(tuple(factors[f"leg_{leg}"] for leg in LEGS), visual))


@lru_cache(maxsize=16)  # a family has few variations, each of which is compiled from its specification
def _with(strength: tuple[float, ...], visual: bool) -> mujoco.MjModel:
    body = ant.spec(visual)
    for i, s in enumerate(strength, start=1):
        for motor in body.actuators:
            if motor.target in (f"hip_{i}", f"ankle_{i}"):
                motor.gear[0] *= s
        if s == 1.0:
            continue
        thigh = body.body(f"aux_{i}")
        (shin,) = thigh.bodies
        shin.pos = shin.pos * (1 + s) / 2
        for (geom,) in (thigh.geoms, shin.geoms):
            geom.fromto = geom.fromto * (1 + s) / 2
    return body.compile()
