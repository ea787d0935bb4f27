"""The half-cheetah's body, as Gymnasium ships it."""

from __future__ import annotations

import warnings
from pathlib import Path

import gymnasium.envs.mujoco
import mujoco

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
