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

from hyperdyn.errors import ConfigError, at_least
from hyperdyn.nn.vision.geometry import Cube, beside, free_space, object_points, unproject, voxelise
from hyperdyn.nn.vision.localise import checked_workspace, locate
from hyperdyn.nn.vision.solid import occupied
from hyperdyn.views import Views

CHANNELS = 4
"""Of a voxel: whether a point lies in it, the points' mean colour."""
BLOCK = 4
"""Edge of the blocks of voxels that the first layer sees, and of those that the guessed shape is made of."""


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
    """z_vis = f(voxels of the object in a box that stands where the object is and is turned as it is).

    Xian et al., HyperDynamics, ICLR 2021, section 3.1: RGB-D views are unprojected to 3D, the object is cropped and 3D
    convolutions follow, with losses of shape and pose. The paper fixes no sizes; these are this package's.

    The box stands at the pose in which the views were taken; without one, where the object is found, with yaw 0. In
    training some objects are looked at once more, in a box that half of the time is put beside them by a uniform draw
    up to `jitter`, and two heads learn from these voxels

        shape: logits of the true occupancy of all voxels, of what no camera sees as well, from z_vis
        pose:  how far the box was moved, along its own axes in units of jitter, from the features that z_vis is made of

    aux_loss = shape_weight * binary cross-entropy + pose_weight * squared error, for systems whose truth is known. How
    far the box was turned is not asked for: any direction may be an object's front, so no voxel says. A system without
    a point in the box gets one learned code, whatever its pictures hold.

    cells, levels: n and m, voxels along an edge and upwards, multiples of 4 * 2^(layers - 1).
    size, table: edge and height of the table [m] of the box.
    channels: of the 3D layers. The first sees blocks of 4^3 voxels, each further one halves their number along an edge.
    free_space: whether voxels also say that a camera looks through them, which costs more than all the rest.
    jitter: metres along x and y, and radians.
    share: of the systems of a batch, the first ones, that the losses are taken of; they count 1/share for it.
    workspace: where an object is looked for, x low, x high, y low, y high [m].
    """

    def __init__(
        self,
        code_dim: int = 32,
        cells: int = 32,
        levels: int = 16,
        size: float = 0.16,
        table: float = 0.0,
        channels: Sequence[int] = (32, 64),
        hidden_dim: int = 256,
        free_space: bool = False,
        jitter: Sequence[float] = (0.01, 0.2),
        share: float = 1.0,
        shape_weight: float = 1.0,
        pose_weight: float = 0.02,
        workspace: Sequence[float] = (-0.5, 0.5, -0.5, 0.5),
    ) -> None:
        super().__init__()
        step = BLOCK * 2 ** (len(channels) - 1)
        if not channels or cells % step or levels % step:
            expected = f"multiples of {BLOCK} * 2^(layers - 1) = {step}, of one layer or more"
            raise ConfigError("cells and levels of a voxel encoder do not fit", got=[cells, levels], expected=expected)
        if len(jitter) != 2 or min(jitter) <= 0:
            raise ConfigError("jitter of a voxel encoder", got=list(jitter), expected="metres and radians, above 0")
        at_least(1, self, code_dim=code_dim, hidden_dim=hidden_dim, channels=min(channels))
        if not 0 < share <= 1:
            raise ConfigError("share of the systems that the losses of sight are of", got=share, expected="in (0, 1]")
        self.code_dim = code_dim
        self.cube = Cube(cells, size, table, levels)
        self.jitter = tuple(jitter)
        self.share = share
        self.free_space = free_space
        self.shape_weight = shape_weight
        self.pose_weight = pose_weight
        self.workspace = checked_workspace(workspace)
        self.channels = CHANNELS + free_space
        coarse = (cells // step, cells // step, levels // step)
        edges = [BLOCK] + [2] * (len(channels) - 1)
        down = [_down(i, o, e) for (i, o), e in zip(pairwise((self.channels, *channels)), edges, strict=True)]
        wide = channels[-1] * math.prod(coarse)
        self.trunk = nn.Sequential(*down, nn.Flatten(), nn.Linear(wide, hidden_dim), nn.SiLU())
        self.head = nn.Linear(hidden_dim, code_dim)
        self.pose = nn.Linear(hidden_dim, 2)
        self.shape = _shape_head(code_dim, coarse, [max(1, c // 2) for c in reversed(channels)], edges[::-1])
        self.no_view = nn.Parameter(torch.zeros(code_dim))

    def forward(self, views: Views | None, batch: int, generator: torch.Generator | None = None) -> Sight:
        """Codes [B,Z] of `batch` systems; views of None are views of nobody.

        generator: of the jitter in training; None is torch's own.
        """
        if views is None:  # one box of nothing stands for all, so that every parameter has a gradient
            code, seen = self._encode(self.no_view.new_zeros(1, self.channels, *self.cube.shape))
            aux_loss = self._nothing(1) if self.training else None
            rows = (code, seen, aux_loss)
            return Sight(*(None if v is None else v.expand(batch, *v.shape[1:]) for v in rows))  # type: ignore[arg-type]
        pose = self.place(views)
        code, seen = self._encode(self.look(views, pose))
        if not self.training:
            return Sight(code, seen)
        few = slice(math.ceil(self.share * batch))
        loss = self._aux_loss(views.part(few), pose[few], generator) * (batch / few.stop)
        return Sight(code, seen, functional.pad(loss, (0, batch - few.stop)))

    @torch.no_grad()
    def place(self, views: Views) -> Tensor:
        """Pose [B,3] at which the box stands, jitter apart: as the views have it, or where the object is found."""
        if views.pose is not None:
            return views.pose
        with torch.autocast(views.depth.device.type, enabled=False):
            return locate(unproject(views), self.workspace, self.cube.table, self.cube.size)

    @torch.no_grad()
    def look(self, views: Views, pose: Tensor) -> Tensor:
        """Voxels [B,4 or 5,n,n,m] of the objects, in boxes at pose [B,3]."""
        with torch.autocast(views.depth.device.type, enabled=False):  # a centimetre is lost in half precision
            grid = voxelise(object_points(views, self.cube.table), self.cube, pose)
            if self.free_space:
                grid = torch.cat([grid, free_space(views, self.cube, pose)], dim=1)
        return grid.to(self.no_view.dtype)

    def guess(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [B,n,n,m] of the occupancy, and how far the box was moved along its axes [B,2] [m]."""
        features = self.trunk(grid)
        return self.shape(self.head(features)).squeeze(1), self.pose(features) * self.jitter[0]

    def _encode(self, grid: Tensor) -> tuple[Tensor, Tensor]:
        seen = grid[:, 0].flatten(1).any(1)
        return torch.where(seen.unsqueeze(1), self.head(self.trunk(grid)), self.no_view), seen

    def _nothing(self, batch: int) -> Tensor:
        """A loss [B] of zero that each parameter of the two heads takes part in."""
        logits, guessed = self.guess(self.no_view.new_zeros(batch, self.channels, *self.cube.shape))
        return 0 * (logits.flatten(1).sum(1) + guessed.sum(1))

    def _aux_loss(self, views: Views, pose: Tensor, generator: torch.Generator | None) -> Tensor:
        """[B]; what is not known takes part with a loss of zero, for the sake of a gradient of each parameter."""
        off = self._draw(pose, generator)
        box = beside(pose, off)
        grid = self.look(views, box)
        logits, guessed = self.guess(grid)
        full, moved = torch.zeros_like(logits), torch.zeros_like(guessed)
        seen = grid[:, 0].flatten(1).any(1)
        knows_shape = knows_pose = torch.zeros_like(seen)
        if views.pose is not None:
            knows_pose, moved = seen, off[:, :2].to(guessed)
            if views.solid is not None:
                knows_shape, full = seen, occupied(views.solid, self.cube, pose, box).to(logits)
        shape = functional.binary_cross_entropy_with_logits(logits, full, reduction="none").flatten(1).mean(1)
        error = ((guessed - moved) / self.jitter[0]).square().mean(1)
        zero = shape.new_zeros(())
        return self.shape_weight * torch.where(knows_shape, shape, zero) + self.pose_weight * torch.where(
            knows_pose, error, zero
        )

    def _draw(self, pose: Tensor, generator: torch.Generator | None) -> Tensor:
        metres, radians = self.jitter
        draw = torch.rand(len(pose), 4, generator=generator, device=pose.device, dtype=pose.dtype)
        return (draw[:, 3:] < 0.5) * (2 * draw[:, :3] - 1) * pose.new_tensor([metres, metres, radians])


def _down(inputs: int, outputs: int, edge: int) -> nn.Sequential:
    """Blocks of edge^3 to one. Statistics are each system's own, so that systems of a batch do not see each other."""
    norm = nn.GroupNorm(math.gcd(outputs, 8), outputs)
    return nn.Sequential(nn.Conv3d(inputs, outputs, edge, edge), norm, nn.SiLU())


def _shape_head(
    code_dim: int, coarse: tuple[int, int, int], channels: Sequence[int], edges: Sequence[int]
) -> nn.Sequential:
    """A code to logits [B,1,n,n,m], through as many blocks as the trunk ends with."""
    layers: list[nn.Module] = [nn.Linear(code_dim, channels[0] * math.prod(coarse))]
    layers.append(nn.Unflatten(1, (channels[0], *coarse)))
    for (inputs, outputs), edge in zip(pairwise((*channels, 1)), edges, strict=True):
        layers += [nn.SiLU(), nn.ConvTranspose3d(inputs, outputs, edge, edge)]
    return nn.Sequential(*layers)
