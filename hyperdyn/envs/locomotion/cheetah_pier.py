"""A half-cheetah that runs over floating slabs of hidden damping."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache
from itertools import pairwise
from typing import Any, ClassVar, final

import mujoco
import numpy as np

from hyperdyn.envs.locomotion import cheetah, half_cheetah
from hyperdyn.envs.mujoco import AbstractMujocoEnv
from hyperdyn.envs.simulator import Array

EDGES = (-42.0, -2.0, 2.0, 6.0, 10.0, 14.0, 18.0, 22.0, 82.0)  # [m] where slabs begin and end, along x
SLABS = len(EDGES) - 1
GAP, WIDTH, THICKNESS = 0.002, 2.0, 0.1  # [m]
TRAVEL = 0.15  # [m] up and down from where a slab floats
CHEETAH, SLAB = 14.0, 10.0  # [kg]
SCALE = (CHEETAH + SLABS * SLAB) / CHEETAH
STIFFNESS = 150.0 * SCALE  # [N/m]
POSITIONS = VELOCITIES = half_cheetah.POSITIONS + SLABS


@final
class CheetahPier(AbstractMujocoEnv):
    """HalfCheetah-v5's body on eight slabs that float on springs: the pier of GrBAL (Nagabandi et al., ICLR 2019).

    m z'' = -k z - c z' - (what stands on it),    k = 150 * 94/14 N/m,  c = damping * 94/14,  m = 10 kg
    r = (x' - x) / dt - 0.1 |a|^2

    z is measured from where spring and weight balance. In GrBAL's file all masses, the slabs' too, are scaled to 14 kg
    in total, so that a slab weighs 1.5 kg. Here the cheetah keeps its 14 kg and slabs, springs and dampers grow by the
    same 94/14: the slabs' frequency and damping ratio, and how deep the cheetah sinks, are the same.

    Observation [34]: x, z, pitch, six joints, eight slabs' heights [m, rad], then the velocities of all of these.

    damping: of every slab, in the scale of GrBAL's file [14/94 N s/m].
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}  # type: ignore[misc]
    frame_skip: ClassVar[int] = 5

    def __init__(self, damping: float = 2.0, render_mode: str | None = None) -> None:
        super().__init__({"damping": damping}, render_mode)

    @staticmethod
    def build(factors: Mapping[str, float], visual: bool) -> mujoco.MjModel:
        model = copy.copy(_nominal(visual))
        model.dof_damping[half_cheetah.VELOCITIES :] = SCALE * factors["damping"]
        return model

    @staticmethod
    def start(model: mujoco.MjModel, rng: np.random.Generator) -> tuple[Array, Array]:
        return model.qpos0 + rng.uniform(-0.1, 0.1, POSITIONS), 0.1 * rng.standard_normal(VELOCITIES)

    @staticmethod
    def observe(state: Array) -> Array:
        return state[..., : POSITIONS + VELOCITIES]

    @staticmethod
    def motion_of(obs: Array) -> Array:
        return obs

    @staticmethod
    def objective(obs: Any, action: Any, next_obs: Any) -> Any:
        return half_cheetah.objective(obs, action, next_obs)

    @staticmethod
    def ground(model: mujoco.MjModel, x: Array, state: Array) -> Array | None:
        slab = np.clip(np.searchsorted(EDGES, x, side="right") - 1, 0, SLABS - 1)
        height: Array = state[half_cheetah.POSITIONS + slab]
        return height


@cache
def _nominal(visual: bool) -> mujoco.MjModel:
    body = cheetah.spec(visual)
    body.compiler.settotalmass = -1
    natural = body.compile().body("torso").subtreemass.item()
    floor = body.geom("floor")  # below the water, to be seen only
    floor.pos, floor.contype, floor.conaffinity = [0, 0, -4 * TRAVEL], 0, 0
    for i, (start, end) in enumerate(pairwise(EDGES)):
        _add_slab(body, i, start, end, SLAB * natural / CHEETAH)
    body.compiler.settotalmass = CHEETAH + SLABS * SLAB
    return cheetah.compiled(body)


def _add_slab(body: mujoco.MjSpec, i: int, start: float, end: float, mass: float) -> None:
    """A slab from start to end [m]; its top is at height 0 where it floats."""
    slab = body.worldbody.add_body(name=f"slab_{i}", pos=[(start + end) / 2, 0, -THICKNESS / 2])
    slab.add_joint(
        name=f"slab_{i}",
        type=mujoco.mjtJoint.mjJNT_SLIDE,
        axis=[0, 0, 1],
        range=[-TRAVEL, TRAVEL],
        limited=True,
        stiffness=STIFFNESS,
        springref=SLAB * 9.81 / STIFFNESS,
        armature=0,
    )
    shade = 0.45 + 0.15 * (i % 2)
    slab.add_geom(
        type=mujoco.mjtGeom.mjGEOM_BOX,
        size=[(end - start - GAP) / 2, WIDTH / 2, THICKNESS / 2],
        mass=mass,
        contype=0,  # slabs touch feet, not one another
        conaffinity=1,
        condim=3,
        rgba=[shade, shade * 0.8, shade * 0.6, 1],
    )
