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

    def centres(self, pose: Tensor) -> Tensor:
        """Middles [B,n^3,3] of the voxels in the world, ordered by x, y, z of the cube at pose [B,3]."""
        at = torch.arange(self.cells, device=pose.device, dtype=pose.dtype) + 0.5
        x, y, z = (axis.reshape(1, -1) * self.resolution for axis in torch.meshgrid(at, at, at, indexing="ij"))
        x, y = x - self.size / 2, y - self.size / 2
        cos, sin = pose[:, 2:].cos(), pose[:, 2:].sin()
        x, y = cos * x - sin * y + pose[:, :1], sin * x + cos * y + pose[:, 1:2]
        return torch.stack([x, y, (z + self.table).expand_as(x)], dim=-1)


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
    B, _, h, w = views.depth.shape
    n = cube.cells
    rotation, shift = views.extrinsics[..., :3, :3], views.extrinsics[..., :3, 3]
    world = cube.centres(pose.to(views.depth.dtype)).unsqueeze(1)  # [B,1,n^3,3]
    camera = world @ rotation.mT + shift.unsqueeze(2)  # [B,V,n^3,3]
    z = camera[..., 2]
    image = (camera / torch.where(z > 0, z, 1.0).unsqueeze(-1)) @ views.intrinsics.mT
    column, row = image[..., 0].floor(), image[..., 1].floor()
    inside = (z > 0) & (column >= 0) & (column < w) & (row >= 0) & (row < h)
    pixel = torch.where(inside, row * w + column, 0.0).long()
    depth = views.depth.flatten(2).gather(2, pixel)  # [B,V,n^3]
    through = inside & torch.isfinite(depth) & (depth > z + cube.resolution)
    return through.any(1).to(views.depth.dtype).reshape(B, 1, n, n, n)


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
