"""From calibrated views of an object to a code: its voxels, in its own frame, through a small 3D network."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperdyn.errors import ConfigError
from hyperdyn.nn.vision.geometry import Cube, free_space, unproject, voxelise
from hyperdyn.nn.vision.localise import locate
from hyperdyn.nn.vision.solid import occupied
from hyperdyn.views import Views

CHANNELS = 5
"""Of a voxel: whether a point lies in it, the points' mean colour, whether a camera looks through it."""
NARROWEST = 4
"""Voxels along an edge where the 3D layers end."""


@dataclass(frozen=True)
class Sight:
    """What was made of the views of B systems.

    aux_loss: of shape and pose, zero for what is not known; None outside of training.
    """

    code: Tensor  # [B,Z]
    seen: Tensor  # [B] bool; the others have the code of no view
    aux_loss: Tensor | None = None  # [B]


@final
class VoxelEncoder(nn.Module):
    """z_vis = f(voxels of the object in a cube that stands where the object is and is turned as it is).

    Xian et al., HyperDynamics, ICLR 2021, section 3.1: RGB-D views are unprojected to 3D, the object is cropped and 3D
    convolutions follow, with losses of shape and pose. The paper fixes no sizes; these are this package's.

    The cube stands at the pose in which the views were taken; without one, where the object is found, with yaw 0. In
    training it is put beside half of the objects by a uniform draw up to `jitter`, and two heads learn from the voxels

        shape: logits of the true occupancy of all n^3 voxels, of what no camera sees as well, from z_vis
        pose:  by how much the cube was off, in units of jitter, from the features that z_vis is made of

    aux_loss = shape_weight * binary cross-entropy + pose_weight * squared error, for systems whose truth is known. A
    system without a point in the cube gets one learned code, whatever its pictures hold.

    cells, size, table: n, edge [m] and height of the table [m] of the cube. n is 4 * 2^layers.
    channels: of the 3D layers, each of which halves the edge.
    jitter: metres along x and y, and radians.
    workspace: where an object is looked for, x low, x high, y low, y high [m].
    """

    def __init__(
        self,
        code_dim: int = 32,
        cells: int = 32,
        size: float = 0.2,
        table: float = 0.0,
        channels: Sequence[int] = (16, 32, 64),
        hidden_dim: int = 128,
        jitter: Sequence[float] = (0.01, 0.2),
        shape_weight: float = 0.3,
        pose_weight: float = 0.03,
        workspace: Sequence[float] = (-0.5, 0.5, -0.5, 0.5),
    ) -> None:
        super().__init__()
        if not channels or cells != NARROWEST * 2 ** len(channels):
            expected = f"{NARROWEST} * 2^len(channels) = {NARROWEST * 2 ** len(channels)}, of one layer or more"
            raise ConfigError("cells and channels of a voxel encoder do not fit", got=cells, expected=expected)
        if len(jitter) != 2 or min(jitter) <= 0:
            raise ConfigError("jitter of a voxel encoder", got=list(jitter), expected="metres and radians, above 0")
        self.code_dim = code_dim
        self.cube = Cube(cells, size, table)
        self.jitter = tuple(jitter)
        self.shape_weight = shape_weight
        self.pose_weight = pose_weight
        self.workspace = tuple(workspace)
        layers = [_down(i, o) for i, o in pairwise((CHANNELS, *channels))]
        self.trunk = nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels[-1] * NARROWEST**3, hidden_dim), nn.SiLU())
        self.head = nn.Linear(hidden_dim, code_dim)
        self.pose = nn.Linear(hidden_dim, 3)
        self.shape = _shape_head(code_dim, [max(1, c // 2) for c in reversed(channels)])
        self.no_view = nn.Parameter(torch.zeros(code_dim))

    def forward(self, views: Views | None, batch: int, generator: torch.Generator | None = None) -> Sight:
        """Codes [B,Z] of `batch` systems; views of None are views of nobody.

        generator: of the jitter in training; None is torch's own.
        """
        if views is None:  # one cube of nothing stands for all, so that every parameter has a gradient
            blank = self.no_view.new_zeros(1, CHANNELS, *[self.cube.cells] * 3)
            code, seen, aux_loss = self._encode(blank, None, None, None)
            rows = (code, seen, aux_loss)
            return Sight(*(None if v is None else v.expand(batch, *v.shape[1:]) for v in rows))  # type: ignore[arg-type]
        pose = self.place(views)
        off = self._draw(pose, generator) if self.training else torch.zeros_like(pose)
        grid = self.look(views, pose + off)
        return Sight(*self._encode(grid, views, pose, off))

    @torch.no_grad()
    def place(self, views: Views) -> Tensor:
        """Pose [B,3] at which the cube stands, jitter apart: as the views have it, or where the object is found."""
        if views.pose is not None:
            return views.pose
        with torch.autocast(views.depth.device.type, enabled=False):
            return locate(unproject(views), self.workspace, self.cube.table, self.cube.size)

    @torch.no_grad()
    def look(self, views: Views, pose: Tensor) -> Tensor:
        """Voxels [B,5,n,n,n] of the objects, in cubes at pose [B,3]."""
        with torch.autocast(views.depth.device.type, enabled=False):  # a centimetre is lost in half precision
            cloud = unproject(views).of_object(self.cube.table)
            grid = torch.cat([voxelise(cloud, self.cube, pose), free_space(views, self.cube, pose)], dim=1)
        return grid.to(self.no_view.dtype)

    def guess(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B,n,n,n] of the occupancy, and how far the cube is off the object [B,3] (m, m, rad)."""
        features = self.trunk(grid)
        return self.shape(self.head(features)).squeeze(1), self.pose(features) * self._range(features)

    def _encode(
        self, grid: Tensor, views: Views | None, pose: Tensor | None, off: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None]:
        features = self.trunk(grid)
        code = self.head(features)
        seen = grid[:, 0].flatten(1).any(1)
        aux_loss = self._aux_loss(features, code, seen, views, pose, off) if self.training else None
        return torch.where(seen.unsqueeze(1), code, self.no_view), seen, aux_loss

    def _aux_loss(
        self, features: Tensor, code: Tensor, seen: Tensor, views: Views | None, pose: Tensor | None, off: Tensor | None
    ) -> Tensor:
        """[B]; what is not known takes part with a loss of zero, for the sake of a gradient of each parameter."""
        logits, guessed = self.shape(code).squeeze(1), self.pose(features)
        full, moved = torch.zeros_like(logits), torch.zeros_like(guessed)
        knows_shape = knows_pose = torch.zeros_like(seen)
        if views is not None and pose is not None and off is not None and views.pose is not None:
            knows_pose, moved = seen, (off / self._range(off)).to(guessed)
            if views.solid is not None:
                knows_shape, full = seen, occupied(views.solid, self.cube, pose, off).to(logits)
        shape = functional.binary_cross_entropy_with_logits(logits, full, reduction="none").flatten(1).mean(1)
        error = (guessed - moved).square().mean(1)
        zero = shape.new_zeros(())
        return self.shape_weight * torch.where(knows_shape, shape, zero) + self.pose_weight * torch.where(
            knows_pose, error, zero
        )

    def _range(self, like: Tensor) -> Tensor:
        metres, radians = self.jitter
        return like.new_tensor([metres, metres, radians])

    def _draw(self, pose: Tensor, generator: torch.Generator | None) -> Tensor:
        draw = torch.rand(len(pose), 4, generator=generator, device=pose.device, dtype=pose.dtype)
        return (draw[:, 3:] < 0.5) * (2 * draw[:, :3] - 1) * self._range(pose)


def _down(inputs: int, outputs: int) -> nn.Sequential:
    """Half the edge. Statistics are each system's own, so that systems of a batch do not see each other."""
    return nn.Sequential(nn.Conv3d(inputs, outputs, 4, 2, 1), nn.GroupNorm(_groups(outputs), outputs), nn.SiLU())


def _groups(channels: int) -> int:
    return math.gcd(channels, 8)


def _shape_head(code_dim: int, channels: Sequence[int]) -> nn.Sequential:
    """A code to logits [B,1,n,n,n], doubling the edge with each layer."""
    first = channels[0]
    layers: list[nn.Module] = [nn.Linear(code_dim, first * NARROWEST**3), nn.Unflatten(1, (first, *[NARROWEST] * 3))]
    for inputs, outputs in pairwise((*channels, 1)):
        layers += [nn.SiLU(), nn.ConvTranspose3d(inputs, outputs, 4, 2, 1)]
    return nn.Sequential(*layers)
