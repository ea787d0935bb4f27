"""Motion of an object's pixels in the plane, and the one motion of a rigid body that it comes nearest to.

h, w are a picture's height and width. A pose change [...,3] is (t_x, t_y, angle): a point p of the object goes to
R(angle) p + t, all in the object's frame before the change; t is where the origin of that frame goes [m], [rad].
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

SMALLEST = 1e-6
"""A spread after the motion that is this share of the one before, or less, has no direction: the angle is 0."""


def rigid_fit(at: Tensor, motion: Tensor, weight: Tensor) -> Tensor:
    """The pose change [...,3] that minimises sum_p weight(p) |R p + t - p - motion(p)|^2, in closed form.

    With means p0, q0 of p and q = p + motion, angle = atan2(sum w (p - p0) x (q - q0), sum w (p - p0) . (q - q0)) and
    t = q0 - R p0: orthogonal Procrustes in the plane (Kabsch, Acta Crystallographica A32, 1976).

    at: [2,h,w] points of the pixels [m]. motion: [...,2,h,w] [m]. weight: [...,h,w], not negative; where all of it is
    zero nothing moves.
    """
    p, q = at.flatten(1), (at + motion).flatten(-2)  # [2,hw], [...,2,hw]
    w = weight.flatten(-2).unsqueeze(-2)  # [...,1,hw]
    known = w.sum(-1, keepdim=True) > 0
    w = w / torch.where(known, w.sum(-1, keepdim=True), 1.0)
    p0, q0 = (w * p).sum(-1, keepdim=True), (w * q).sum(-1, keepdim=True)  # [...,2,1]
    a, b = p - p0, q - q0
    spread = (w * a.square()).sum((-2, -1))
    along = (w * a * b).sum((-2, -1))
    across = (w[..., 0, :] * (a[..., 0, :] * b[..., 1, :] - a[..., 1, :] * b[..., 0, :])).sum(-1)
    turns = along.square() + across.square() > (SMALLEST * spread).square()  # false too where one pixel is all there is
    angle = torch.atan2(torch.where(turns, across, 0.0), torch.where(turns, along, 1.0))
    shift = q0[..., 0] - turned(p0[..., 0], angle)
    return torch.cat([torch.where(known[..., 0], shift, 0.0), angle.unsqueeze(-1)], dim=-1)


def rigid_motion(at: Tensor, change: Tensor) -> Tensor:
    """Motion [...,2,h,w] [m] of the points at [2,h,w] of a body whose pose changes by [...,3]."""
    cos, sin = (f[..., None, None] for f in (change[..., 2].cos(), change[..., 2].sin()))
    x, y = at
    shift = change[..., :2, None, None]
    return torch.stack([cos * x - sin * y - x, sin * x + cos * y - y], dim=-3) + shift


def seen_after(at: Tensor, motion: Tensor, change: Tensor) -> Tensor:
    """By how much [...,2,h,w] a pixel that moves by `motion` has moved in the frame of a body that moves by `change`.

    r(p) = R'(p + motion - t) - p: zero where the motion is the body's own.
    """
    after = at + motion - change[..., :2, None, None]
    x, y = after.unbind(-3)
    cos, sin = (f[..., None, None] for f in (change[..., 2].cos(), change[..., 2].sin()))
    return torch.stack([cos * x + sin * y, cos * y - sin * x], dim=-3) - at


def sample(picture: Tensor, at: Tensor, size: float) -> Tensor:
    """Pictures [M,C,h,w] of an edge of `size` [m], read bilinearly at points [M,2,h,w] [m]; zero outside."""
    grid = (at * (2 / size)).movedim(1, -1)  # [M,h,w,2]
    return functional.grid_sample(picture, grid, align_corners=False)


def turned(point: Tensor, angle: Tensor) -> Tensor:
    """Points [...,2] turned about the origin by angles [...] [rad]."""
    cos, sin = angle.cos(), angle.sin()
    x, y = point.unbind(-1)
    return torch.stack([cos * x - sin * y, sin * x + cos * y], dim=-1)
