"""One system with its task: states, what they show, and what a push makes of them.

A state [X] holds all that a push depends on: the object's position [3] [m], quaternion [4] and yaw [rad], which goes on
past pi, then what no push changes: goal (x, y, yaw), `touched`, three obstacles (x, y), and the outline if it is shown.
An observation [S] is x, y and yaw, and the same constants.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial

import numpy as np

from hyperdyn.envs.pushing import rotations, scales, tasks
from hyperdyn.envs.pushing.arms import KUKA, PANDA, Arm
from hyperdyn.envs.pushing.cameras import Camera, Images
from hyperdyn.envs.pushing.pushes import Array
from hyperdyn.envs.pushing.renderers import RENDERERS
from hyperdyn.envs.pushing.solids import Properties
from hyperdyn.envs.pushing.tools import AbstractTool, Cylinder
from hyperdyn.envs.pushing.world import Outcome, Scene, World
from hyperdyn.errors import ConfigError, nearest

POSE = 8
"""Entries of a state before those that are constant: position, quaternion, yaw."""

TOOLS: dict[str, Callable[[], AbstractTool]] = {
    "cylinder": Cylinder,
    "kuka": partial(Arm, KUKA),
    "panda": partial(Arm, PANDA),
}
"""What may push, by name."""


class System:
    """An object on its table, the tool that pushes it, and how tasks are drawn.

    arm: which tool, see TOOLS.
    obstacles: how many stand on the table, 0 to 3.
    outline: whether observations show the object's outline.
    renderer: who draws the pictures: `tiny`, or `egl`, which is started for the first of them.

    Raises:
        ConfigError: an unknown tool or renderer, another number of obstacles, no such object, or no PyBullet.
    """

    def __init__(
        self,
        properties: Properties,
        *,
        arm: str = "cylinder",
        obstacles: int = 0,
        outline: bool = False,
        renderer: str = "tiny",
    ) -> None:
        if arm not in TOOLS:
            raise ConfigError("there is no such arm", got=arm, fix=nearest(arm, TOOLS))
        if renderer not in RENDERERS:
            raise ConfigError("there is no such renderer", got=renderer, fix=nearest(renderer, RENDERERS))
        if obstacles not in range(scales.OBSTACLES + 1):
            raise ConfigError("number of obstacles", got=obstacles, expected=f"0 to {scales.OBSTACLES}, a whole number")
        self.obstacles = obstacles
        self.world = World(properties, TOOLS[arm](), renderer)
        self.shown = self.world.outline if outline else np.empty(0)

    def start(self, rng: np.random.Generator) -> Array:
        """The state [X] at the start of an episode."""
        pose, goal, standing = tasks.draw(rng, self.world.solid.body.radius, self.obstacles)
        constants = np.concatenate([goal, [0.0], standing.ravel(), self.shown])
        return np.concatenate([pose[:2], [0.0], rotations.about_z(pose[2]), pose[2:], constants])

    def push(self, state: Array, action: Array) -> tuple[Array, Outcome]:
        """The state [X] after an action [4], and what happened."""
        outcome = self.world.push(scene_of(state), action)
        after = np.array(state, dtype=np.float64)
        after[:3], after[3:7] = outcome.position, outcome.quaternion
        turned = (rotations.heading(outcome.quaternion) - state[7] + math.pi) % (2 * math.pi) - math.pi
        spun = float(np.rint((outcome.turned - turned) / (2 * math.pi)))  # whole turns
        after[7] = state[7] + turned + 2 * math.pi * spun
        touched = POSE + scales.TOUCHED - scales.GOAL.start
        after[touched] = max(state[touched], float(outcome.touched))
        return after, outcome

    def photograph(self, state: Array, cameras: tuple[Camera, ...], height: int, width: int) -> Images:
        return self.world.photograph(scene_of(state), cameras, height, width)

    def close(self) -> None:
        self.world.close()


def scene_of(state: Array) -> Scene:
    """What of a state [X] is physics."""
    first = POSE + scales.FIRST_OBSTACLE - scales.GOAL.start
    obstacles = state[first : first + 2 * scales.OBSTACLES].reshape(-1, 2)
    there = np.abs(obstacles).max(1) < scales.PRESENT
    return Scene(np.array(state[:3]), np.array(state[3:7]), obstacles[there])


def observe(state: Array) -> Array:
    """Observations [...,S] of states [...,X]."""
    return np.concatenate([state[..., :2], state[..., 7:8], state[..., POSE:]], axis=-1)


def state_of(obs: Array) -> Array:
    """States [...,X] of observations [...,S], the object standing. One that has toppled is not seen to have."""
    obs = np.asarray(obs, dtype=np.float64)
    height = np.zeros_like(obs[..., :1])
    pose = [obs[..., :2], height, rotations.about_z(obs[..., 2]), obs[..., 2:3]]
    return np.concatenate([*pose, obs[..., 3:]], axis=-1)
