"""Objects drawn from a seed, standing flat on the table: prisms over polygons, and unions of boxes and cylinders."""

from __future__ import annotations

import numpy as np

from hyperdyn.envs.pushing.bodies import Array, Body, hull, prism
from hyperdyn.envs.pushing.scales import HEIGHT

ROUND = 12
"""Corners of what passes for a cylinder."""


def polygon(rng: np.random.Generator) -> Body:
    """A prism over a polygon of 3 to 8 corners, convex in half of the cases; the others are stars of thin wedges.

    Corners lie at roughly equal angles; the farthest one at most 1, the nearest one of a star 0.45 from the middle.
    """
    corners = int(rng.integers(3, 9))
    convex = bool(rng.random() < 0.5)
    corners = corners if convex else max(corners, 5)
    angle = 2 * np.pi * (np.arange(corners) + rng.uniform(-0.25, 0.25, corners)) / corners
    reach = rng.uniform(0.75, 1.0, corners) if convex else rng.uniform(0.45, 1.0, corners)
    points = np.stack([np.cos(angle), np.sin(angle)], axis=1) * reach[:, None] * (1.0, rng.uniform(0.5, 1.0))
    height = rng.uniform(*HEIGHT)
    if convex:
        return Body((prism(hull(points), height),))
    wedges = (np.stack([np.zeros(2), points[i], points[(i + 1) % corners]]) for i in range(corners))
    return Body(tuple(prism(wedge, height) for wedge in wedges))


def union(rng: np.random.Generator) -> Body:
    """Two to four boxes and cylinders, each overlapping one before it: L, T, cross, chain, with deep corners.

    They are low, for thin ones would topple.
    """
    height = rng.uniform(HEIGHT[0], (HEIGHT[0] + HEIGHT[1]) / 2)
    centre = np.zeros(2)
    pieces = []
    for _ in range(int(rng.integers(2, 5))):
        pieces.append(prism(_round(rng) + centre if rng.random() < 0.4 else _box(rng) + centre, height))
        turn = rng.uniform(0, 2 * np.pi)
        centre = centre + rng.uniform(0.35, 0.6) * np.array([np.cos(turn), np.sin(turn)])
    return Body(tuple(pieces))


def _box(rng: np.random.Generator) -> Array:
    half = np.array([rng.uniform(0.4, 0.8), rng.uniform(0.2, 0.35)])
    turn = rng.uniform(0, np.pi)
    corners = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]])
    c, s = np.cos(turn), np.sin(turn)
    return corners @ np.array([[c, s], [-s, c]])


def _round(rng: np.random.Generator) -> Array:
    angle = 2 * np.pi * np.arange(ROUND) / ROUND
    return rng.uniform(0.2, 0.4) * np.stack([np.cos(angle), np.sin(angle)], axis=1)
