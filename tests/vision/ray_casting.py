"""Pictures of boxes and balls on a table, by rays whose hits are worked out by hand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from hyperdyn.views import Views

FAR = 1e9


@dataclass(frozen=True)
class Box:
    """Stands on the table: x, y of its middle [m], yaw [rad], edges [m]."""

    x: float
    y: float
    yaw: float
    edges: tuple[float, float, float]
    colour: tuple[float, float, float] = (0.8, 0.2, 0.1)

    def hit(self, eye: Tensor, ray: Tensor) -> Tensor:
        """How many rays [M,3] long the way from the eye [3] to the surface is, FAR if it is not hit."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        turn = torch.tensor([[c, s, 0], [-s, c, 0], [0, 0, 1]], dtype=eye.dtype)
        half = torch.tensor(self.edges, dtype=eye.dtype) / 2
        middle = torch.tensor([self.x, self.y, self.edges[2] / 2], dtype=eye.dtype)
        o, d = turn @ (eye - middle), ray @ turn.T
        near, far = (-half - o) / d, (half - o) / d
        enter, leave = torch.minimum(near, far).amax(-1), torch.maximum(near, far).amin(-1)
        return torch.where((enter < leave) & (enter > 0), enter, FAR)

    def outside(self, point: Tensor) -> Tensor:
        """Distance of points [M,3] from the surface, along the worst axis; negative inside."""
        c, s = math.cos(self.yaw), math.sin(self.yaw)
        x, y = point[:, 0] - self.x, point[:, 1] - self.y
        own = torch.stack([c * x + s * y, -s * x + c * y, point[:, 2] - self.edges[2] / 2], dim=-1)
        return (own.abs() - torch.tensor(self.edges, dtype=point.dtype) / 2).amax(-1)


@dataclass(frozen=True)
class Camera:
    """At azimuth and height around a point of the table, looking at it; f is its focal length in pixels."""

    azimuth: float
    distance: float = 0.8
    height: float = 0.5
    at: tuple[float, float] = (0.0, 0.0)
    pixels: tuple[int, int] = (48, 64)
    f: float = 70.0

    def pose(self) -> tuple[Tensor, Tensor]:
        """Eye [3], and right, down and forward in the rows of [3,3]."""
        x = self.at[0] + self.distance * math.cos(self.azimuth)
        y = self.at[1] + self.distance * math.sin(self.azimuth)
        eye = torch.tensor([x, y, self.height], dtype=torch.float64)
        forward = torch.tensor([*self.at, 0.03], dtype=torch.float64) - eye
        forward = forward / forward.norm()
        right = torch.linalg.cross(forward, torch.tensor([0.0, 0.0, 1.0], dtype=torch.float64))
        right = right / right.norm()
        return eye, torch.stack([right, torch.linalg.cross(forward, right), forward])

    def intrinsics(self) -> Tensor:
        h, w = self.pixels
        return torch.tensor([[self.f, 0, w / 2], [0, self.f, h / 2], [0, 0, 1]], dtype=torch.float64)

    def extrinsics(self) -> Tensor:
        eye, axes = self.pose()
        matrix = torch.eye(4, dtype=torch.float64)
        matrix[:3, :3], matrix[:3, 3] = axes, -axes @ eye
        return matrix


def photograph(boxes: Sequence[Box], cameras: Sequence[Camera]) -> Views:
    """What the cameras see of the boxes on a grey table (z = 0), in double precision; the first box is the object."""
    shots = [_shoot(boxes, camera) for camera in cameras]
    rgb, depth, mask = (torch.stack(column)[None] for column in zip(*shots, strict=True))
    inside, outside = (torch.stack([getattr(c, k)() for c in cameras])[None] for k in ("intrinsics", "extrinsics"))
    pose = torch.tensor([[boxes[0].x, boxes[0].y, boxes[0].yaw]], dtype=torch.float64)
    return Views(rgb, depth, inside, outside, mask, pose)


def _shoot(boxes: Sequence[Box], camera: Camera) -> tuple[Tensor, Tensor, Tensor]:
    eye, (right, down, forward) = camera.pose()
    h, w = camera.pixels
    row, column = torch.meshgrid(torch.arange(h) + 0.5, torch.arange(w) + 0.5, indexing="ij")
    x, y = (column.double() - w / 2) / camera.f, (row.double() - h / 2) / camera.f
    ray = (x[..., None] * right + y[..., None] * down + forward).reshape(-1, 3)  # of depth one
    table = torch.where(ray[:, 2] < 0, -eye[2] / ray[:, 2], FAR)
    hits = torch.stack([table, *(box.hit(eye, ray) for box in boxes)])
    depth, what = hits.min(0)
    colours = torch.tensor([(0.5, 0.5, 0.5), *(box.colour for box in boxes)], dtype=torch.float64)
    depth = torch.where(depth < FAR, depth, 0.0)
    return colours[what].T.reshape(3, h, w), depth.reshape(h, w), (what == 1).reshape(h, w)


def around() -> list[Camera]:
    """Four cameras around the middle of the table."""
    return [Camera(azimuth=0.4 + k * math.pi / 2, height=0.5 + 0.1 * k) for k in range(4)]
