"""Calibrated cameras around the table: colour, depth and what belongs to what.

A camera looks along its +z axis, its x to the right of the image and its y down (as OpenCV has it). The pixel in row r and
column c covers [c, c + 1) x [r, r + 1), so that its centre is at (c + 0.5, r + 0.5):

    (u, v, 1) z = K (R p + t)        p [3] in the world, z the depth [m] along the camera's axis, extrinsics = [R t; 0 1]
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

BACKGROUND, TABLE, OBJECT, TOOL, OBSTACLE = range(5)
"""Values of a segmentation."""

NEAR, FAR = 0.1, 4.0
"""Nearest and farthest depth that is drawn [m]. Where nothing is, depth is FAR."""


@dataclass(frozen=True)
class Camera:
    """One camera: where it stands, the point that it looks at, both [m], and its vertical field of view [deg]."""

    eye: tuple[float, float, float]
    target: tuple[float, float, float] = (0.0, 0.0, 0.0)
    field_of_view: float = 45.0

    @property
    def extrinsics(self) -> Array:
        """World to camera [4,4]."""
        eye = np.array(self.eye, dtype=np.float64)
        forward = np.array(self.target, dtype=np.float64) - eye
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        matrix = np.eye(4)
        matrix[:3, :3] = np.stack([right, np.cross(forward, right), forward])
        matrix[:3, 3] = -matrix[:3, :3] @ eye
        return matrix

    def intrinsics(self, height: int, width: int) -> Array:
        """Pinhole camera [3,3] in pixels of an image of this size."""
        focal = height / 2 / math.tan(math.radians(self.field_of_view) / 2)
        return np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])


@dataclass(frozen=True)
class Images:
    """What V cameras see; further leading dimensions are the caller's. `hyperdyn.types.Views` holds the first four."""

    rgb: Floats  # [...,V,3,height,width] in [0, 1]
    depth: Floats  # [...,V,height,width] [m]
    intrinsics: Floats  # [...,V,3,3] [pixels]
    extrinsics: Floats  # [...,V,4,4] world to camera
    segmentation: NDArray[np.uint8]  # [...,V,height,width]: BACKGROUND, TABLE, OBJECT, TOOL or OBSTACLE

    @classmethod
    def stack(cls, images: list[Images]) -> Images:
        """Several scenes as one [n,...]."""
        return cls(**{f.name: np.stack([getattr(i, f.name) for i in images]) for f in fields(cls)})


def around_the_table(
    views: int = 4, *, distance: float = 0.9, elevation: float = 50.0, target: tuple[float, float, float] = (0, 0, 0)
) -> tuple[Camera, ...]:
    """Cameras on a circle, at equal angles from 45 degrees on, looking at the target.

    distance: from the target [m].
    elevation: of the line of sight over the table [deg].
    """
    angles = math.pi / 4 + 2 * math.pi * np.arange(views) / views
    flat, up = distance * math.cos(math.radians(elevation)), distance * math.sin(math.radians(elevation))
    return tuple(
        Camera((target[0] + flat * math.cos(a), target[1] + flat * math.sin(a), target[2] + up), target) for a in angles
    )


def photograph(
    bullet: Any, cameras: tuple[Camera, ...], kinds: dict[int, int], height: int = 128, width: int = 128
) -> Images:
    """What the cameras see of the scene of one PyBullet client.

    bullet: the client, as `pybullet_utils.bullet_client.BulletClient` is one.
    kinds: body of the scene to its value in the segmentation.
    """
    raise NotImplementedError
