"""The ant's body, as Gymnasium ships it, and what the families on it share."""

from __future__ import annotations

from abc import ABC
from pathlib import Path
from typing import Any, ClassVar

import gymnasium.envs.mujoco
import mujoco
import numpy as np

from hyperdyn.envs.mujoco import AbstractMujocoEnv
from hyperdyn.envs.simulator import Array

DT = 0.05  # [s]
POSITIONS, VELOCITIES = 15, 14
QUATERNION = slice(3, 7)
OBSERVATION = 31


class AbstractAnt(AbstractMujocoEnv, ABC):
    """Ant-v5 with factors; with all of them nominal it moves exactly as that environment does.

    r = (x' - x) / dt + 0.05

    The reward is GrBAL's (Nagabandi et al., ICLR 2019). Episodes go on when the ant has fallen.

    Observation [31]: the torso's position (3) [m], its forward and its upward axis in the world (3 + 3), hip and ankle
    of each leg (8) [rad], the torso's velocity in the world (3) [m/s] and its angular velocity in its own frame (3)
    [rad/s], the joints' velocities (8) [rad/s]. The two axes stand for the quaternion, which has two values for each
    orientation; with the rest they determine the state.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}  # type: ignore[misc]
    frame_skip: ClassVar[int] = 5

    @staticmethod
    def start(model: mujoco.MjModel, rng: np.random.Generator) -> tuple[Array, Array]:
        qpos = model.qpos0 + rng.uniform(-0.1, 0.1, POSITIONS)
        qpos[QUATERNION] /= np.linalg.norm(qpos[QUATERNION])
        return qpos, 0.1 * rng.standard_normal(VELOCITIES)

    @staticmethod
    def observe(state: Array) -> Array:
        forward, up = axes(state[..., QUATERNION])
        return np.concatenate([state[..., :3], forward, up, state[..., 7 : POSITIONS + VELOCITIES]], axis=-1)

    @staticmethod
    def motion_of(obs: Array) -> Array:
        return np.concatenate([obs[..., :3], quaternion(obs[..., 3:6], obs[..., 6:9]), obs[..., 9:]], axis=-1)

    @staticmethod
    def objective(obs: Any, action: Any, next_obs: Any) -> Any:
        return objective(obs, action, next_obs)

    @staticmethod
    def ground(model: mujoco.MjModel, x: Array, state: Array) -> Array | None:
        return np.zeros_like(x)


def objective(obs: Any, action: Any, next_obs: Any) -> Any:
    """Reward [...] of one step: obs [...,31], action [...,8], next_obs [...,31]."""
    return (next_obs[..., 0] - obs[..., 0]) / DT + 0.05


def spec(visual: bool) -> mujoco.MjSpec:
    """The editable model of Ant-v5; without textures unless `visual`."""
    path = Path(gymnasium.envs.mujoco.__file__).parent / "assets" / "ant.xml"
    body = mujoco.MjSpec.from_file(str(path))
    if not visual:
        for geom in body.geoms:
            geom.material = ""
        for asset in [*body.materials, *body.textures]:
            body.delete(asset)
    return body


def axes(quaternion: Array) -> tuple[Array, Array]:
    """Forward (x) and upward (z) axis [...,3] in the world of a frame with this quaternion [...,4] of any length."""
    w, x, y, z = np.moveaxis(quaternion / np.linalg.norm(quaternion, axis=-1, keepdims=True), -1, 0)
    forward = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], axis=-1)
    up = np.stack([2 * (x * z + w * y), 2 * (y * z - w * x), 1 - 2 * (x * x + y * y)], axis=-1)
    return forward, up


def quaternion(forward: Array, up: Array) -> Array:
    """Quaternion [...,4] of the frame whose z axis is `up` [...,3] and whose x axis is closest to `forward` [...,3].

    Of the four columns of 4 q q', which is quadratic in the rotation matrix, the one that is longest.
    """
    z = up / np.linalg.norm(up, axis=-1, keepdims=True)
    x = forward - (forward * z).sum(-1, keepdims=True) * z
    x = x / np.linalg.norm(x, axis=-1, keepdims=True)
    y = np.cross(z, x)
    (a, d, g), (b, e, h), (c, f, i) = (np.moveaxis(axis, -1, 0) for axis in (x, y, z))  # rows a b c, d e f, g h i
    columns = np.stack(
        [
            np.stack([1 + a + e + i, h - f, c - g, d - b], axis=-1),
            np.stack([h - f, 1 + a - e - i, d + b, c + g], axis=-1),
            np.stack([c - g, d + b, 1 - a + e - i, h + f], axis=-1),
            np.stack([d - b, c + g, h + f, 1 - a - e + i], axis=-1),
        ],
        axis=-2,
    )  # [..., 4, 4]
    size = np.linalg.norm(columns, axis=-1)
    longest = size.argmax(-1)[..., None]
    found: Array = np.take_along_axis(columns, longest[..., None], axis=-2)[..., 0, :]
    return found / np.take_along_axis(size, longest, axis=-1)
