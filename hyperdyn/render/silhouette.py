"""What a pinhole camera sees of a body and of lines over the table: drawings that lie over its pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

from hyperdyn.envs.pushing.bodies import Array, Body, hull
from hyperdyn.envs.pushing.cameras import Camera
from hyperdyn.envs.pushing.rotations import turned

Point = tuple[float, float]


@dataclass(frozen=True)
class Lens:
    """A camera and the size of its pictures [pixels]."""

    camera: Camera
    height: int
    width: int

    def pixels(self, points: Array) -> Array:
        """Points of the world [...,3] [m] to (right, down) [...,2]: u z = K (R p + t)."""
        extrinsics = self.camera.extrinsics
        seen = points @ extrinsics[:3, :3].T + extrinsics[:3, 3]
        uvz = seen @ self.camera.intrinsics(self.height, self.width).T
        return np.asarray(uvz[..., :2] / uvz[..., 2:])

    def ground(self, points: Array, height: float = 0.0) -> list[Point]:
        """Points [n,2] at a height over the table [m] as what a drawing takes."""
        there = np.column_stack([points, np.full(len(points), height)])
        return [(float(x), float(y)) for x, y in self.pixels(there)]

    def mask(self, body: Body, pose: Array) -> Image.Image:
        """Where a body at a pose (x, y, yaw) is seen, white on black: of each convex piece, the hull of its corners."""
        image = Image.new("L", (self.width, self.height))
        draw = ImageDraw.Draw(image)
        for piece in body.pieces:
            flat = turned(piece.vertices[:, :2], float(pose[2])) + pose[:2]
            corners = hull(self.pixels(np.column_stack([flat, piece.vertices[:, 2]])))
            draw.polygon([(float(x), float(y)) for x, y in corners], fill=255)
        return image


def rim(mask: Image.Image, thickness: int) -> Image.Image:
    """The edge of what is white, so many pixels to either side."""
    size = 2 * thickness + 1
    grown, shrunk = mask.filter(ImageFilter.MaxFilter(size)), mask.filter(ImageFilter.MinFilter(size))
    return ImageChops.subtract(grown, shrunk)
