"""The true shape, in whichever cube a network was shown."""

from __future__ import annotations

import torch
from torch import Tensor

from hyperdyn.nn.vision.geometry import Cube
from hyperdyn.views import Solid


@torch.no_grad()
def occupied(solid: Solid, cube: Cube, pose: Tensor, off: Tensor | None = None) -> Tensor:
    """Occupancy [B,n,n,n] bool of objects at pose [B,3] in cubes that stand `off` [B,3] from there (m, m, rad).

    A voxel is full if its middle lies in a full voxel of the solid's own cube.
    """
    B, N = len(pose), solid.occupancy.shape[-1]
    off = torch.zeros_like(pose) if off is None else off
    world = cube.centres(pose + off)  # [B,n^3,3]
    frame = torch.cat([pose[:, :2], pose[:, 2:] + solid.yaw[:, None].to(pose.dtype)], dim=1)
    metres = Cube(1, 1.0, cube.table).coordinates(world, frame) - world.new_tensor([0.5, 0.5, 0.0])
    size = solid.size.to(metres.dtype)[:, None, None]
    at = ((metres / size + metres.new_tensor([0.5, 0.5, 0.0])) * N).floor()
    inside = ((at >= 0) & (at < N)).all(-1)
    x, y, z = torch.where(inside.unsqueeze(-1), at, 0.0).long().unbind(-1)
    full = solid.occupancy.flatten(1).gather(1, (x * N + y) * N + z)
    return (full & inside).reshape(B, *[cube.cells] * 3)
