"""The half-cheetah's body, as Gymnasium ships it."""

from __future__ import annotations

import warnings
from pathlib import Path

import gymnasium.envs.mujoco
import mujoco
import numpy as np

from hyperdyn.envs.simulator import Array

MOTORS = ("bthigh", "bshin", "bfoot", "fthigh", "fshin", "ffoot")
"""The six motors in the order of the action: thigh, shin and foot of the back leg, then of the front leg."""


def spec(visual: bool) -> mujoco.MjSpec:
    """The editable model of HalfCheetah-v5; without textures (290 kB a copy) unless `visual`."""
    path = Path(gymnasium.envs.mujoco.__file__).parent / "assets" / "half_cheetah.xml"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # the file sets its total mass in a way that MuJoCo now deprecates
        body = mujoco.MjSpec.from_file(str(path))
    if not visual:
        for geom in body.geoms:
            geom.material = ""
        for asset in [*body.materials, *body.textures]:
            body.delete(asset)
    return body


def compiled(body: mujoco.MjSpec) -> mujoco.MjModel:
    """The model of a spec, its total mass scaled to what the spec says [kg]."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return body.compile()


class CentreOfMass:
    """Centre of mass of the planar body as a function of its positions, in closed form.

    c = root + sum_b R(phi_b) a_b,    a_b = (m_b c_b + sum_children M_j p_j) / M

    phi_b is the sum of the hinge angles above limb b, c_b the limb's own centre and p_j where child j, with all that
    hangs on it (mass M_j), is attached, both in the limb's frame; R(phi) turns about y.
    """

    def __init__(self, model: mujoco.MjModel) -> None:
        root = model.body("torso").id
        self.origin = model.body_pos[root].copy()  # [m]
        self.parent = model.body_parentid[root:] - root  # [limbs], -1 or less for the torso
        lever = model.body_mass[root:, None] * model.body_ipos[root:]  # [limbs, 3]
        for limb in range(root + 1, model.nbody):
            lever[self.parent[limb - root]] += model.body_subtreemass[limb] * model.body_pos[limb]
        self.lever = lever / model.body_subtreemass[root]

    def __call__(self, qpos: Array) -> Array:
        """Positions [...,9] to the centre of mass [...,3] in the world [m]."""
        hinges = qpos[..., 2:]  # the torso's pitch, then one hinge a limb
        angle = np.empty(hinges.shape)
        for limb, parent in enumerate(self.parent):
            above = angle[..., parent] if limb else 0.0
            angle[..., limb] = above + hinges[..., limb]
        cos, sin = np.cos(angle), np.sin(angle)
        centre = np.zeros((*qpos.shape[:-1], 3))
        centre[..., 0] = self.origin[0] + qpos[..., 0] + (cos * self.lever[:, 0] + sin * self.lever[:, 2]).sum(-1)
        centre[..., 2] = self.origin[2] + qpos[..., 1] + (cos * self.lever[:, 2] - sin * self.lever[:, 0]).sum(-1)
        return centre
