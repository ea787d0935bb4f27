"""The true shape, in whichever cube a network was shown."""

from __future__ import annotations

import torch
from torch import Tensor

from hyperdyn.nn.vision.geometry import Cube
from hyperdyn.views import Solid


@torch.no_grad()
def occupied(solid: Solid, cube: Cube, pose: Tensor, box: Tensor | None = None) -> Tensor:
    """Occupancy [B,n,n,m] bool of objects at pose [B,3] in cubes at pose `box` [B,3], which None says is the same.

    A voxel is full if its middle lies in a full voxel of the solid's own cube.
    """
    N = solid.occupancy.shape[-1]
    standing = torch.cat([pose[:, :2], pose[:, 2:] + solid.yaw[:, None].to(pose.dtype)], dim=1)
    own = torch.linalg.inv(Cube(1, 1.0, cube.table).frame(standing))  # to metres, from a corner of a cube of one metre
    with torch.autocast(pose.device.type, enabled=False):  # in half precision a shape stands millimetres off
        own = own @ cube.frame(pose if box is None else box)
    x, y, z = cube.through(own[:, :3]).flatten(2).unbind(1)  # [B,nnm]
    size = solid.size.to(x.dtype)[:, None]
    at = [(v * (N / size)).floor() for v in (x - 0.5 + size / 2, y - 0.5 + size / 2, z)]
    inside = torch.stack([(v >= 0) & (v < N) for v in at]).all(0)
    i, j, k = (torch.where(inside, v, 0.0).long() for v in at)
    full = solid.occupancy.flatten(1).gather(1, (i * N + j) * N + k)
    return (full & inside).unflatten(1, cube.shape)
