"""Calibrated cameras around the table: colour, depth and what belongs to what.

A camera looks along its +z axis, its x to the right of the image and its y down (as OpenCV has it). The pixel in row r
and column c covers [c, c + 1) x [r, r + 1), so that its centre is at (c + 0.5, r + 0.5), of which its depth is:

    (u, v, 1) z = K (R p + t)        p [3] in the world, z the depth [m] along the axis, extrinsics = [R t; 0 1]
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperdyn.envs.pushing.renderers import LARGEST
from hyperdyn.errors import ConfigError

Array = NDArray[np.float64]
Floats = NDArray[np.float32]

BACKGROUND, TABLE, OBJECT, TOOL, OBSTACLE = range(5)
"""Values of a segmentation."""

NEAR, FAR = 0.1, 4.0
"""Nearest and farthest depth that is drawn [m]. Where nothing is drawn, depth is 0, as of a camera that got no echo."""

LIGHT = (1.0, -0.5, 3.0)
"""Where the light comes from."""

SUN = 1e3
"""OpenGL takes the light for a lamp at a place, and puts it so many times farther away."""

Draw = Callable[[Any, int, int, list[float], list[float]], Any]
"""Client, height, width, view and projection to what `getCameraImage` returns."""


@dataclass(frozen=True)
class Camera:
    """One camera: where it stands, the point that it looks at, both [m], and its vertical field of view [deg]."""

    eye: tuple[float, float, float]
    target: tuple[float, float, float] = (0.0, 0.0, 0.0)
    field_of_view: float = 38.0

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

    Raises:
        ConfigError: no camera.
    """
    if views < 1:
        raise ConfigError("cameras around the table", got=views, expected="1 or more")
    angles = math.pi / 4 + 2 * math.pi * np.arange(views) / views
    flat, up = distance * math.cos(math.radians(elevation)), distance * math.sin(math.radians(elevation))
    return tuple(
        Camera((target[0] + flat * math.cos(a), target[1] + flat * math.sin(a), target[2] + up), target) for a in angles
    )


def photograph(
    bullet: Any,
    cameras: tuple[Camera, ...],
    kinds: dict[int, int],
    height: int = 128,
    width: int = 128,
    renderer: str = "tiny",
) -> Images:
    """What the cameras see of the scene of one PyBullet client.

    bullet: the client, as `pybullet_utils.bullet_client.BulletClient` is one; that of `renderers.egl` for `egl`.
    kinds: body of the scene to its value in the segmentation.
    renderer: one of `renderers.RENDERERS`.

    Raises:
        ConfigError: pictures without a pixel, or larger than the renderer draws.
    """
    if min(height, width) < 1:
        raise ConfigError("pictures", got=f"{height} x {width} pixels", expected="1 or more along each edge")
    if renderer == "egl" and (height > LARGEST[0] or width > LARGEST[1]):
        raise ConfigError(
            "renderer=egl draws no pictures so large",
            got=f"{height} x {width} pixels",
            expected=f"{LARGEST[0]} x {LARGEST[1]} at most",
            fix="smaller pictures, or renderer=tiny",
        )
    draw = _tiny if renderer == "tiny" else _egl
    taken = [_one(bullet, camera, kinds, height, width, draw) for camera in cameras]
    rgb, depth, segmentation = (np.stack([one[i] for one in taken]) for i in range(3))
    intrinsics = np.stack([camera.intrinsics(height, width) for camera in cameras]).astype(np.float32)
    extrinsics = np.stack([camera.extrinsics for camera in cameras]).astype(np.float32)
    return Images(rgb, depth, intrinsics, extrinsics, segmentation)


def _one(
    bullet: Any, camera: Camera, kinds: dict[int, int], height: int, width: int, draw: Draw
) -> tuple[Any, Any, Any]:
    """Colour [3,h,w], depth [h,w] and segmentation [h,w] of one camera."""
    view = np.diag((1.0, -1.0, -1.0, 1.0)) @ camera.extrinsics  # OpenGL looks along -z, its y goes up
    projection = bullet.computeProjectionMatrixFOV(camera.field_of_view, width / height, NEAR, FAR)
    _, _, colours, buffer, bodies = draw(bullet, height, width, view.T.ravel().tolist(), list(projection))
    body = np.reshape(bodies, (height, width))
    segmentation = np.zeros((height, width), dtype=np.uint8)
    for number, kind in kinds.items():
        segmentation[body == number] = kind
    share = np.reshape(buffer, (height, width)).astype(np.float64)
    depth = np.where(share < 1.0, NEAR * FAR / (FAR - (FAR - NEAR) * share), 0.0)
    rgb = np.reshape(colours, (height, width, 4))[..., :3].transpose(2, 0, 1) / np.float32(255)
    return rgb.astype(np.float32), depth.astype(np.float32), segmentation


def _tiny(bullet: Any, height: int, width: int, view: list[float], projection: list[float]) -> Any:
    # TinyRenderer shows in pixel (r, c) what is at (c, r + 1); moved by half a pixel each way it is the pixel's centre.
    projection[8] += 1 / width
    projection[9] += 1 / height
    return bullet.getCameraImage(
        width, height, view, projection, shadow=0, lightDirection=LIGHT, renderer=bullet.ER_TINY_RENDERER
    )


def _egl(bullet: Any, height: int, width: int, view: list[float], projection: list[float]) -> Any:
    # A projective texture, of which there is none, leaves out the shadows: they reach over a part of the table only,
    # stay from one picture to the next, and take three quarters of the time.
    return bullet.getCameraImage(
        width,
        height,
        view,
        projection,
        lightDirection=[SUN * x for x in LIGHT],
        renderer=bullet.ER_BULLET_HARDWARE_OPENGL,
        flags=bullet.ER_USE_PROJECTIVE_TEXTURE,
        projectiveTextureView=view,
        projectiveTextureProj=projection,
    )
