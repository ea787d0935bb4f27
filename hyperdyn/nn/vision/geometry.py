"""From pixels with a depth to points of the world, and from points to voxels in a frame of one's own.

h, w are a picture's height and width, n the voxels along an edge, M the points of a system. No gradient passes here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.views import Views

ABOVE = 0.004
"""[m] A point so far above the table is not the table's."""


@dataclass(frozen=True)
class Cloud:
    """Coloured points of B systems. Where seen is False, there is none, and its row holds zeros."""

    point: Tensor  # [B,M,3] world [m]
    colour: Tensor  # [B,M,3] in [0, 1]
    seen: Tensor  # [B,M] bool
    object: Tensor | None = None  # [B,M] bool, of the object rather than of anything else; None where nobody knows

    def of_object(self, table: float = 0.0) -> Cloud:
        """The points on the object's mask or, without one, those that are `ABOVE` the table, obstacles and all."""
        above = self.point[..., 2] > table + ABOVE
        return replace(self, seen=self.seen & (above if self.object is None else self.object))


@dataclass(frozen=True)
class Cube:
    """n^3 voxels that stand on the table, around an object and turned with it.

    cells: n. size: edge [m]. table: height of the table in the world [m].
    """

    cells: int
    size: float
    table: float = 0.0

    def __post_init__(self) -> None:
        if self.cells < 1 or self.size <= 0:
            raise ConfigError("a cube of voxels", got=self, expected="cells of 1 or more, size above 0")

    @property
    def resolution(self) -> float:
        """Edge of a voxel [m]."""
        return self.size / self.cells

    def coordinates(self, point: Tensor, pose: Tensor) -> Tensor:
        """Points [B,M,3] of the world in voxels of the cube at pose [B,3] (x, y, yaw); inside, each is in [0, n)."""
        apart = point[..., :2] - pose[:, None, :2]
        cos, sin = pose[:, 2:].cos(), pose[:, 2:].sin()  # [B,1]
        x = cos * apart[..., 0] + sin * apart[..., 1] + self.size / 2
        y = cos * apart[..., 1] - sin * apart[..., 0] + self.size / 2
        return torch.stack([x, y, point[..., 2] - self.table], dim=-1) / self.resolution

    def frame(self, pose: Tensor) -> Tensor:
        """[B,4,4] from voxels (x, y, z, 1) of the cube at pose [B,3] to points of the world; undoes `coordinates`."""
        cos, sin = pose[:, 2].cos(), pose[:, 2].sin()
        zero, one, half = torch.zeros_like(cos), torch.ones_like(cos), self.size / 2
        x = [cos, -sin, zero, pose[:, 0] - half * (cos - sin)]
        y = [sin, cos, zero, pose[:, 1] - half * (sin + cos)]
        rows = torch.stack([torch.stack(r, -1) for r in (x, y, [zero, zero, one, zero + self.table])], dim=1)
        rows = rows * rows.new_tensor([self.resolution] * 3 + [1.0])
        return torch.cat([rows, rows.new_tensor([0, 0, 0, 1]).expand(len(pose), 1, 4)], dim=1)

    def through(self, matrix: Tensor) -> Tensor:
        """[...,r,n,n,n] of the middles of the voxels (x, y, z, 1) under matrices [...,r,4], axis by axis."""
        at = torch.arange(self.cells, device=matrix.device, dtype=matrix.dtype) + 0.5
        x, y, z = ((matrix[..., i, None] * at) for i in range(3))  # [...,r,n]
        return (x + matrix[..., 3, None])[..., :, None, None] + (y[..., :, None] + z[..., None, :])[..., None, :, :]

    def centres(self, pose: Tensor) -> Tensor:
        """Middles [B,3,n,n,n] of the voxels in the world, by x, y, z of the cube at pose [B,3]."""
        return self.through(self.frame(pose)[:, :3])


@torch.no_grad()
def unproject(views: Views) -> Cloud:
    """Every pixel's point in the world, p = R' (depth K^-1 (u, v, 1) - t), with M = V h w.

    Raises:
        ShapeError: fields of the views that do not fit each other.
    """
    _check(views)
    depth, (h, w) = views.depth, views.depth.shape[-2:]
    seen = torch.isfinite(depth) & (depth > 0)
    depth = torch.where(seen, depth, 1.0)
    pixel = _pixels(h, w, depth)  # [hw,3]
    ray = pixel @ torch.linalg.inv(views.intrinsics).mT  # [B,V,hw,3]
    rotation, shift = views.extrinsics[..., :3, :3], views.extrinsics[..., :3, 3]
    point = (ray * depth.flatten(2).unsqueeze(-1) - shift.unsqueeze(2)) @ rotation  # [B,V,hw,3], rows times R
    colour = views.rgb.flatten(3).mT  # [B,V,hw,3]
    known = seen.flatten(1).unsqueeze(-1)
    zero = depth.new_zeros(())
    return Cloud(
        torch.where(known, point.flatten(1, 2), zero),
        torch.where(known, colour.flatten(1, 2), zero),
        seen.flatten(1),
        None if views.mask is None else (views.mask & seen).flatten(1),
    )


@torch.no_grad()
def voxelise(cloud: Cloud, cube: Cube, pose: Tensor) -> Tensor:
    """Voxels [B,4,n,n,n] of the cube at pose [B,3]: 1 where a point lies, and the mean colour of those that do."""
    B, M, _ = cloud.point.shape
    n = cube.cells
    at = cube.coordinates(cloud.point, pose).floor()
    inside = (cloud.seen.unsqueeze(-1) & (at >= 0) & (at < n)).all(-1)  # [B,M]
    at = torch.where(inside.unsqueeze(-1), at, 0.0).long()
    voxel = (at[..., 0] * n + at[..., 1]) * n + at[..., 2]
    voxel = torch.where(inside, voxel, n**3)  # one more, for all that lies elsewhere
    values = torch.cat([torch.ones_like(cloud.colour[..., :1]), cloud.colour], dim=-1).mT  # [B,4,M]
    sums = values.new_zeros(B, 4, n**3 + 1).scatter_add_(2, voxel.unsqueeze(1).expand(B, 4, M), values)[..., :-1]
    count = sums[:, :1]
    full = torch.cat([(count > 0).to(sums), sums[:, 1:] / count.clamp(min=1)], dim=1)
    return full.unflatten(2, (n, n, n))


@torch.no_grad()
def free_space(views: Views, cube: Cube, pose: Tensor) -> Tensor:
    """[B,1,n,n,n] 1 where some camera looks through the voxel's middle at something a voxel or more behind it."""
    h, w = views.depth.shape[-2:]
    projection = views.intrinsics @ views.extrinsics[..., :3, :] @ cube.frame(pose.to(views.depth)).unsqueeze(1)
    u, v, z = cube.through(projection).flatten(3).unbind(2)  # [B,V,n^3], u and v times the depth z
    ahead = z > 0
    column, row = (torch.where(ahead, a / z, -1.0).floor_() for a in (u, v))
    inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    pixel = torch.where(inside, row * w + column, 0.0).long()
    depth = views.depth.flatten(2).gather(2, pixel)  # [B,V,n^3]
    empty = inside & torch.isfinite(depth) & (depth > z + cube.resolution)
    return empty.any(1, keepdim=True).to(depth.dtype).unflatten(2, [cube.cells] * 3)


def _pixels(h: int, w: int, like: Tensor) -> Tensor:
    """Middles (u, v, 1) [hw,3] of the pixels, row by row."""
    v, u = torch.meshgrid(torch.arange(h), torch.arange(w), indexing="ij")
    return torch.stack([u + 0.5, v + 0.5, torch.ones(h, w)], dim=-1).reshape(-1, 3).to(like)


def _check(views: Views) -> None:
    B, V, h, w = views.depth.shape
    expected = {
        "rgb": (B, V, 3, h, w),
        "intrinsics": (B, V, 3, 3),
        "extrinsics": (B, V, 4, 4),
        "mask": (B, V, h, w),
        "pose": (B, 3),
    }
    for name, shape in expected.items():
        value = getattr(views, name)
        if value is not None and tuple(value.shape) != shape:
            raise ShapeError(f"{name} of views does not fit their depth", got=tuple(value.shape), expected=shape)
