"""What cameras see of a system, and the true shape behind it.

V cameras, height and width in pixels, n voxels along an edge; the other letters are those of `hyperdyn.types`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from hyperdyn.movable import Movable


@dataclass(frozen=True)
class Solid(Movable):
    """The true shape of each object, in the object's own frame: what a guess is judged by, and never an input.

    The cube of voxels stands on the table, z upwards, with the origin of the object's frame in the middle of its floor.
    """

    occupancy: Tensor  # [B,n,n,n] bool, by x, y, z
    size: Tensor  # [B] edge of the cube [m]


@dataclass(frozen=True)
class Views(Movable):
    """What V calibrated cameras see of each system at one moment.

    Cameras follow the axes of OpenCV (x right, y down, z forward). With (u, v, 1) = K p / p_z of a point p of the
    camera, pixel (row i, column j) is the square j <= u < j + 1, i <= v < i + 1, so its middle is (j + 1/2, i + 1/2)
    and that of the image (width / 2, height / 2). Depth is p_z, not the length of the ray.

    A pixel without a depth (zero, negative or not finite) shows nothing, whatever its colour; a system none of whose
    pixels has one was not seen at all.

    mask: True where the object is what the pixel shows; None where nobody knows.
    pose: x, y [m] and yaw [rad] of the object at that moment, so that the views can be seen in its own frame.
    solid: its true shape, for losses and metrics only.
    """

    rgb: Tensor  # [B,V,3,height,width] in [0, 1]
    depth: Tensor  # [B,V,height,width] [m]
    intrinsics: Tensor  # [B,V,3,3]
    extrinsics: Tensor  # [B,V,4,4] world to camera
    mask: Tensor | None = None  # [B,V,height,width] bool
    pose: Tensor | None = None  # [B,3]
    solid: Solid | None = None
