"""An object on a table from straight above: a picture in its own frame, made of calibrated views."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from hyperdyn.errors import ConfigError
from hyperdyn.nn.vision.geometry import Cube, object_points, unproject
from hyperdyn.nn.vision.localise import checked_workspace, locate
from hyperdyn.views import Views

CHANNELS = 5
"""Of a picture: whether the object is there, its height, its mean colour."""
HEIGHT_UNIT = 0.05
"""[m] A height of one."""


@dataclass(frozen=True)
class TopDown:
    """An orthographic picture of n x n pixels, with the origin of the object's frame in its middle, turned as it is.

    picture[..., i, j] is what stands over the square with its middle at x = (j + 1/2) size / n - size / 2, and y from i
    alike. Nothing in it says where the scene is, so that a scene which is moved as a whole gives the same picture.

    An object that nobody looked at, or of which nothing was seen, is a disc without height and colour: it has an
    extent, which can be pushed and whose motion can be seen, and no shape.

    cells: n.
    size: edge of the picture [m].
    table: height of the table [m].
    radius: of the disc [m].
    workspace: where an object without a known pose is looked for, x low, x high, y low, y high [m].
    """

    cells: int
    size: float
    table: float = 0.0
    radius: float = 0.05
    workspace: Sequence[float] = (-0.5, 0.5, -0.5, 0.5)

    def __post_init__(self) -> None:
        checked_workspace(self.workspace)
        if not 0 < self.radius < self.size / 2:
            raise ConfigError("radius of an object nobody saw", got=self.radius, expected="above 0, within the picture")

    def centres(self, cells: int, like: Tensor) -> Tensor:
        """Middles [2,cells,cells] (x, y) [m] of the squares of a picture of so many."""
        at = (torch.arange(cells, device=like.device, dtype=like.dtype) + 0.5) * (self.size / cells) - self.size / 2
        return torch.stack([at.expand(cells, cells), at[:, None].expand(cells, cells)])

    @torch.no_grad()
    def look(self, views: Views | None, batch: int, like: Tensor) -> Tensor:
        """Pictures [B,5,n,n] of `batch` objects, on the device and of the type of `like`; None is no views of any."""
        disc = self.centres(self.cells, like).square().sum(0).sqrt() <= self.radius  # [n,n]
        unseen = torch.cat([disc[None].to(like), like.new_zeros(CHANNELS - 1, *disc.shape)]).expand(batch, -1, -1, -1)
        if views is None:
            return unseen
        with torch.autocast(views.depth.device.type, enabled=False):  # a centimetre is lost in half precision
            picture = self._picture(views).to(like)
        return torch.where(picture[:, :1].amax((2, 3), keepdim=True) > 0, picture, unseen)

    def _picture(self, views: Views) -> Tensor:
        points, n, pose = object_points(views, self.table), self.cells, views.pose
        if pose is None:
            pose = locate(unproject(views), self.workspace, self.table, self.size)
        at = Cube(n, self.size, self.table).coordinates(points.point.unsqueeze(1), pose[points.system]).squeeze(1)
        inside = ((at[:, :2] >= 0) & (at[:, :2] < n)).all(-1)
        system, at, colour = points.system[inside], at[inside], points.colour[inside]
        square = (system * n + at[:, 1].long()) * n + at[:, 0].long()
        total = len(pose) * n * n
        count = at.new_zeros(total).index_add_(0, square, torch.ones_like(at[:, 0]))
        height = at.new_zeros(total).scatter_reduce_(0, square, at[:, 2] * (self.size / n / HEIGHT_UNIT), "amax")
        colour = at.new_zeros(total, 3).index_add_(0, square, colour) / count.clamp(min=1)[:, None]
        channels = torch.cat([(count > 0).to(at)[:, None], height[:, None], colour], dim=-1)
        return filled(channels.unflatten(0, (len(pose), n, n)).permute(0, 3, 1, 2))


def filled(picture: Tensor) -> Tensor:
    """Pictures [B,5,n,n] with the holes between points filled by the mean of their neighbours.

    Points of a coarse image are further apart than squares. Filled is what a morphological closing by 3 x 3 adds: a
    hole, and no square on the outside of a convex object.
    """
    there = picture[:, :1]
    near = functional.max_pool2d(there, 3, 1, 1)
    closed = -functional.max_pool2d(-near, 3, 1, 1)  # 1 where all nine neighbours have a point beside them
    mean = functional.avg_pool2d(picture, 3, 1, 1) / functional.avg_pool2d(there, 3, 1, 1).clamp(min=1e-6)
    return torch.where((there == 0) & (closed > 0), mean, picture)
