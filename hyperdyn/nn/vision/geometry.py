"""From pixels with a depth to points of the world, and from points to voxels in a frame of one's own.

h, w are a picture's height and width, n by n by m the voxels, M the points of a system. No gradient passes here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.views import Views

ABOVE = 0.004
"""[m] A point so far above the table is not the table's."""


@dataclass(frozen=True)
class Points:
    """Coloured points of several systems, P in all."""

    point: Tensor  # [P,3] world [m]
    colour: Tensor  # [P,3] in [0, 1]
    system: Tensor  # [P] int64, which of the systems it is of


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

    def points(self) -> Points:
        """Those that were seen."""
        system, index = self.seen.nonzero(as_tuple=True)
        return Points(self.point[system, index], self.colour[system, index], system)


@dataclass(frozen=True)
class Cube:
    """Voxels that stand on the table, around an object and turned with it: n by n, and m upwards, a cube if m = n.

    cells: n. size: edge [m]. table: height of the table in the world [m]. levels: m, None for n.
    """

    cells: int
    size: float
    table: float = 0.0
    levels: int | None = None

    def __post_init__(self) -> None:
        if self.cells < 1 or self.size <= 0 or not (self.levels is None or 1 <= self.levels <= self.cells):
            expected = "cells of 1 or more, size above 0, levels from 1 to cells"
            raise ConfigError("a cube of voxels", got=self, expected=expected)

    @property
    def shape(self) -> tuple[int, int, int]:
        """n, n, m."""
        return self.cells, self.cells, self.cells if self.levels is None else self.levels

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
        """[...,r,n,n,m] of the middles of the voxels (x, y, z, 1) under matrices [...,r,4], axis by axis."""
        at = torch.arange(self.cells, device=matrix.device, dtype=matrix.dtype) + 0.5
        x, y, z = ((matrix[..., i, None] * at[:n]) for i, n in enumerate(self.shape))  # [...,r,n]
        return (x + matrix[..., 3, None])[..., :, None, None] + (y[..., :, None] + z[..., None, :])[..., None, :, :]

    def centres(self, pose: Tensor) -> Tensor:
        """Middles [B,3,n,n,m] of the voxels in the world, by x, y, z of the cube at pose [B,3]."""
        return self.through(self.frame(pose)[:, :3])


def beside(pose: Tensor, off: Tensor) -> Tensor:
    """Pose [B,3] of a box that is off [B,3] an object at pose [B,3]: moved along the box's axes and turned (m, m, rad).

    Not along the world's: how a box is turned in the world is not to be seen in it.
    """
    yaw = pose[:, 2] + off[:, 2]
    cos, sin = yaw.cos(), yaw.sin()
    x = pose[:, 0] + cos * off[:, 0] - sin * off[:, 1]
    y = pose[:, 1] + sin * off[:, 0] + cos * off[:, 1]
    return torch.stack([x, y, yaw], dim=1)


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
def object_points(views: Views, table: float = 0.0) -> Points:
    """The points of `unproject(views).of_object(table)`: pixels beside the object's mask, most of them, cost nothing.

    Raises:
        ShapeError: fields of the views that do not fit each other.
    """
    _check(views)
    depth = views.depth
    seen = torch.isfinite(depth) & (depth > 0)
    b, v, i, j = (seen if views.mask is None else seen & views.mask).nonzero(as_tuple=True)
    turn = views.extrinsics[..., :3, :3].mT  # [B,V,3,3] camera to world
    eye = -(turn @ views.extrinsics[..., :3, 3:]).squeeze(-1)  # [B,V,3]
    ray = turn @ torch.linalg.inv(views.intrinsics)
    pixel = torch.stack([j + 0.5, i + 0.5, torch.ones_like(j)], dim=-1).to(depth)  # [P,3]
    point = depth[b, v, i, j, None] * (ray[b, v] @ pixel.unsqueeze(-1)).squeeze(-1) + eye[b, v]
    found = Points(point, views.rgb[b, v, :, i, j], b)
    if views.mask is not None:
        return found
    above = point[:, 2] > table + ABOVE
    return Points(*(value[above] for value in (found.point, found.colour, found.system)))


@torch.no_grad()
def voxelise(points: Points, cube: Cube, pose: Tensor) -> Tensor:
    """Voxels [B,4,n,n,m] of the cube at pose [B,3]: 1 where a point lies, and the mean colour of those that do."""
    B, size = len(pose), math.prod(cube.shape)
    at = cube.coordinates(points.point.unsqueeze(1), pose[points.system]).squeeze(1).floor()  # [P,3]
    inside = ((at >= 0) & (at < at.new_tensor(cube.shape))).all(-1)
    (x, y, z), system = at[inside].long().unbind(-1), points.system[inside]
    voxel = (x * cube.cells + y) * cube.shape[2] + z
    count = at.new_zeros(B * size).index_add_(0, system * size + voxel, torch.ones_like(at[inside, 0]))
    colour = points.colour[inside] / count[system * size + voxel].unsqueeze(1)  # most voxels are empty and cost nothing
    grid = at.new_zeros(B * 4 * size)
    first = system * 4 * size + voxel
    grid[first] = 1
    for c in range(3):
        grid.index_add_(0, first + (1 + c) * size, colour[:, c])
    return grid.view(B, 4, *cube.shape)


@torch.no_grad()
def free_space(views: Views, cube: Cube, pose: Tensor) -> Tensor:
    """[B,1,n,n,m] 1 where some camera looks through the voxel's middle at something a voxel or more behind it."""
    h, w = views.depth.shape[-2:]
    projection = views.intrinsics @ views.extrinsics[..., :3, :] @ cube.frame(pose.to(views.depth)).unsqueeze(1)
    u, v, z = cube.through(projection).flatten(3).unbind(2)  # [B,V,nnm], u and v times the depth z
    ahead = z > 0
    column, row = (torch.where(ahead, a / z, -1.0).floor_() for a in (u, v))
    inside = (column >= 0) & (column < w) & (row >= 0) & (row < h)
    pixel = torch.where(inside, row * w + column, 0.0).long()
    depth = views.depth.flatten(2).gather(2, pixel)  # [B,V,nnm]
    empty = inside & torch.isfinite(depth) & (depth > z + cube.resolution)
    return empty.any(1, keepdim=True).to(depth.dtype).unflatten(2, cube.shape)


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
