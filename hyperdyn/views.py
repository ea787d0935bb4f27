"""What cameras see of a system, and the true shape behind it.

V cameras, height and width in pixels, n voxels along an edge; the other letters are those of `hyperdyn.types`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

import torch
from torch import Tensor

from hyperdyn.errors import ShapeError
from hyperdyn.movable import Movable


@dataclass(frozen=True)
class Solid(Movable):
    """The true shape of each object, in the object's own frame: what a guess is judged by, and never an input.

    The cube of voxels stands on the table, z upwards, with the origin of the object's frame in the middle of its floor.
    """

    occupancy: Tensor  # [B,n,n,n] bool, by x, y, z
    size: Tensor  # [B] edge of the cube [m]
    yaw: Tensor = None  # type: ignore[assignment]  # [B] of the cube in the object's frame [rad]; 0 if not given

    def __post_init__(self) -> None:
        if self.yaw is None:
            object.__setattr__(self, "yaw", torch.zeros_like(self.size))

    def turned(self, angle: Tensor) -> Solid:
        """The same where the front of each object is further by an angle [B]."""
        return replace(self, yaw=self.yaw - angle)

    def mirrored(self, which: Tensor) -> Solid:
        """The systems where `which` [B] seen in a mirror along the object's x axis."""
        flipped = torch.where(which[:, None, None, None], self.occupancy.flip(2), self.occupancy)
        return replace(self, occupancy=flipped, yaw=torch.where(which, -self.yaw, self.yaw))


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

    def turned(self, angle: Tensor) -> Views:
        """The same where the front of each object is further by an angle [B]: nothing changes in the pictures."""
        pose, solid = self.pose, self.solid
        if pose is not None:
            pose = torch.cat([pose[:, :2], pose[:, 2:] + angle[:, None].to(pose.dtype)], dim=1)
        return replace(self, pose=pose, solid=None if solid is None else solid.turned(angle))

    def cropped(self, pixels: int, height: float = 0.025) -> Views:
        """A square of so many pixels of each picture, around the object; the cameras look at the rest no longer.

        Its middle is what the camera sees of the point `height` [m] over the pose, moved so that the square lies in the
        picture. Pictures that are no larger stay whole along that edge, and all of them where nobody knows the pose.
        """
        if self.pose is None:
            return self
        B, V, *edges = self.depth.shape
        size = [min(pixels, edge) for edge in edges]
        low = self._corner(size, height)
        b, v, i, j = (torch.arange(n, device=low.device) for n in (B, V, *size))
        row, column = low[..., :1] + i, low[..., 1:] + j  # [B,V,height] and [B,V,width]
        at = b[:, None, None, None], v[:, None, None], row[..., :, None], column[..., None, :]
        intrinsics = self.intrinsics.clone()
        intrinsics[..., :2, 2] -= low.flip(-1)
        mask = None if self.mask is None else self.mask[at]
        rgb = self.rgb.movedim(2, -1)[at].movedim(-1, 2).contiguous()
        return replace(self, rgb=rgb, depth=self.depth[at], intrinsics=intrinsics, mask=mask)

    def _corner(self, size: Sequence[int], height: float) -> Tensor:
        """First row and column [B,V,2] of a part of each picture, as `cropped` chooses it."""
        assert self.pose is not None
        x, y = self.pose[:, :2].unbind(1)
        point = torch.stack([x, y, torch.full_like(x, height), torch.ones_like(x)], 1).to(self.intrinsics)
        seen = (self.intrinsics @ self.extrinsics[..., :3, :] @ point[:, None, :, None]).squeeze(-1)
        middle = (seen[..., :2] / seen[..., 2:]).flip(-1)  # [B,V,2] row and column
        edges = middle.new_tensor(size)
        most = middle.new_tensor(self.depth.shape[2:]) - edges
        return (middle - edges / 2).round().nan_to_num().clamp(torch.zeros_like(most), most).long()

    def mirrored(self, which: Tensor) -> Views:
        """The systems where `which` [B] seen in a mirror along the world's x axis.

        The pictures stay. It is the cameras' axes that are reflected, which turns a point (x, y, z) into (x, -y, z).
        """
        sign = 1 - 2 * which.to(self.extrinsics.dtype)
        one = torch.ones_like(sign)
        extrinsics = self.extrinsics * torch.stack([one, sign, one, one], dim=-1)[:, None, None]  # columns x, y, z, 1
        pose = None if self.pose is None else self.pose * torch.stack([one, sign, sign], dim=-1)
        solid = None if self.solid is None else self.solid.mirrored(which)
        return replace(self, extrinsics=extrinsics, pose=pose, solid=solid)


def joined(views: Sequence[Views]) -> Views:
    """Views of B systems from those of one each.

    Raises:
        ShapeError: they differ in size, or in what they hold.
    """
    columns = {f.name: [getattr(v, f.name) for v in views] for f in fields(Views)}
    for name, column in columns.items():
        shapes = {_shape(value) for value in column}
        if len(shapes) > 1:
            raise ShapeError(
                f"the views of these systems do not go together: {name} differs",
                got=sorted(map(str, shapes)),
                fix="look at all systems with the same cameras, and collect them into one folder",
            )
    solids = columns.pop("solid")
    together = {name: None if column[0] is None else torch.cat(column) for name, column in columns.items()}
    if solids[0] is not None:
        solid = Solid(*(torch.cat([getattr(s, f.name) for s in solids]) for f in fields(Solid)))
        return Views(**together, solid=solid)  # type: ignore[arg-type]
    return Views(**together)  # type: ignore[arg-type]


def _shape(value: Tensor | Solid | None) -> tuple[int, ...] | None:
    if value is None:
        return None
    return tuple(value.occupancy.shape if isinstance(value, Solid) else value.shape)
