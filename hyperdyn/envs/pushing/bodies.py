"""Rigid bodies as unions of convex pieces: what is inside, how the mass is spread, what they look like from above."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Integers = NDArray[np.int64]

CELLS = 24
"""Cells along each side of the box in which a body's mass is counted."""


@dataclass(frozen=True)
class Piece:
    """A convex polyhedron."""

    vertices: Array  # [n,3] [m]
    faces: Integers  # [m,3] triangles, seen from outside counter-clockwise

    @cached_property
    def planes(self) -> tuple[Array, Array]:
        """Outward normals [m,3] and distances [m]: inside is where normal . p <= distance."""
        a, b, c = (self.vertices[self.faces[:, i]] for i in range(3))
        normal = np.cross(b - a, c - a)
        length = np.linalg.norm(normal, axis=1)
        flat = length > 1e-9 * length.max()
        normal = normal[flat] / length[flat, None]
        normal *= np.where((normal * (self.vertices.mean(0) - a[flat])).sum(1) > 0, -1.0, 1.0)[:, None]
        both = np.concatenate([normal, (normal * a[flat]).sum(1, keepdims=True)], axis=1)
        _, first = np.unique(both.round(6), axis=0, return_index=True)
        kept = both[np.sort(first)]
        return kept[:, :3], kept[:, 3]

    def contains(self, points: Array) -> NDArray[np.bool_]:
        """Whether each of the points [n,3] is inside."""
        normal, distance = self.planes
        return np.all(points @ normal.T <= distance + 1e-12, axis=1)

    def above(self, level: float) -> Piece | None:
        """What is left of it above a height, closed by a flat face; None if nothing is."""
        keep = self.vertices[:, 2] > level
        if keep.all() or not keep.any():
            return self if keep.all() else None
        polygons = [_clipped(self.vertices[face], level) for face in self.faces]
        cut = np.concatenate([p for p in polygons if len(p)])
        rim = hull(cut[cut[:, 2] <= level + 1e-12, :2])
        if len(rim) < 3:
            return None
        cap = np.column_stack([rim[::-1], np.full(len(rim), level)])
        polygons = [*(p for p in polygons if len(p) > 2), cap]
        first = np.cumsum([0, *(len(p) for p in polygons)])
        faces = [(n, n + i, n + i + 1) for n, p in zip(first, polygons, strict=False) for i in range(1, len(p) - 1)]
        vertices, index = np.unique(np.concatenate(polygons).round(9), axis=0, return_inverse=True)
        return Piece(vertices, index.reshape(-1)[np.array(faces)])


@dataclass(frozen=True)
class Body:
    """A union of convex pieces in its own frame: z is up, the table is at z = 0."""

    pieces: tuple[Piece, ...]

    @cached_property
    def vertices(self) -> Array:
        return np.concatenate([piece.vertices for piece in self.pieces])

    @property
    def height(self) -> float:
        return float(self.vertices[:, 2].max())

    @property
    def radius(self) -> float:
        """From the origin to the farthest point, seen from above [m]."""
        return float(np.hypot(self.vertices[:, 0], self.vertices[:, 1]).max())

    def contains(self, points: Array) -> NDArray[np.bool_]:
        """Whether points [...,3] [m] are inside: the occupancy [...]."""
        flat = points.reshape(-1, 3)
        inside = np.zeros(len(flat), dtype=bool)
        for piece in self.pieces:
            left = np.flatnonzero(~inside)
            inside[left] = piece.contains(flat[left])
        return inside.reshape(points.shape[:-1])

    def moved(self, rotation: Array | None = None, shift: Array | None = None, scale: Array | float = 1.0) -> Body:
        """Scaled [3], then turned by a rotation [3,3], then shifted by [3]."""
        rotation = np.eye(3) if rotation is None else rotation
        shift = np.zeros(3) if shift is None else shift
        return Body(tuple(Piece((p.vertices * scale) @ rotation.T + shift, p.faces) for p in self.pieces))

    def sawn(self, level: float) -> Body:
        """What is above a height, which becomes the table's."""
        left = [piece for piece in (p.above(level) for p in self.pieces) if piece is not None]
        return Body(tuple(left)).moved(shift=np.array([0.0, 0.0, -level]))

    def mass_properties(self) -> tuple[Array, Array]:
        """Centroid [3] and inertia about it [3,3] of one kilogram spread evenly, counted on a grid of CELLS^3."""
        low, high = self.vertices.min(0), self.vertices.max(0)
        side = (high - low) / CELLS
        axes = [low[i] + (np.arange(CELLS) + 0.5) * side[i] for i in range(3)]
        points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
        points = points[self.contains(points)]
        centroid = points.mean(0)
        r = points - centroid
        second = r.T @ r / len(r) + np.diag(side**2) / 12  # of the cells themselves
        return centroid, np.trace(second) * np.eye(3) - second

    def outline(self, directions: int) -> Array:
        """Distance [directions] from the origin to the farthest point along each direction, seen from above [m].

        Directions are at equal angles from x on. Where a ray meets nothing the distance is 0.
        """
        angles = 2 * np.pi * np.arange(directions) / directions
        rays = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        reach = np.zeros(directions)
        for piece in self.pieces:
            corner = hull(piece.vertices[:, :2])
            edge = np.roll(corner, -1, axis=0) - corner
            normal = np.stack([edge[:, 1], -edge[:, 0]], axis=1)  # outward of counter-clockwise corners
            slope, gap = rays @ normal.T, (normal * corner).sum(1)  # inside: t slope <= gap
            with np.errstate(divide="ignore", invalid="ignore"):
                t = gap / slope
            enters = np.where(slope < 0, t, -np.inf).max(1)
            leaves = np.where(slope > 0, t, np.inf).min(1)
            blocked = ((np.abs(slope) < 1e-15) & (gap < 0)).any(1)
            hit = (leaves >= np.maximum(enters, 0.0)) & ~blocked
            reach = np.where(hit, np.maximum(reach, leaves), reach)
        return reach

    def as_obj(self) -> str:
        """Wavefront text with one object for each piece."""
        lines, first = [], 1
        for n, piece in enumerate(self.pieces):
            lines.append(f"o piece{n}")
            lines += ["v " + " ".join(f"{x:.9g}" for x in vertex) for vertex in piece.vertices]
            lines += ["f " + " ".join(str(int(i) + first) for i in face) for face in piece.faces]
            first += len(piece.vertices)
        return "\n".join([*lines, ""])


def hull(points: Array) -> Array:
    """Corners [n,2] of the convex hull of points [m,2], counter-clockwise."""
    ordered = sorted(set(map(tuple, points.tolist())))

    def half(side: Iterable[tuple[float, ...]]) -> list[tuple[float, ...]]:
        kept: list[tuple[float, ...]] = []
        for p in side:
            while len(kept) > 1 and _turn(kept[-2], kept[-1], p) <= 0:
                kept.pop()
            kept.append(p)
        return kept[:-1]

    return np.array(half(ordered) + half(reversed(ordered)))


def prism(polygon: Array, height: float) -> Piece:
    """A convex polygon [n,2] with counter-clockwise corners, from the table up to `height`."""
    n = len(polygon)
    bottom = np.column_stack([polygon, np.zeros(n)])
    top = np.column_stack([polygon, np.full(n, height)])
    fan = [(0, i, i + 1) for i in range(1, n - 1)]
    faces = [(a, c, b) for a, b, c in fan] + [(a + n, b + n, c + n) for a, b, c in fan]
    for i in range(n):
        j = (i + 1) % n
        faces += [(i, j, j + n), (i, j + n, i + n)]
    return Piece(np.concatenate([bottom, top]), np.array(faces))


def _turn(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])


def _clipped(polygon: Array, level: float) -> Array:
    """The part [n,3] of a flat polygon [m,3] above a height."""
    kept = []
    for a, b in zip(polygon, np.roll(polygon, -1, axis=0), strict=True):
        if a[2] > level:
            kept.append(a)
        if (a[2] > level) != (b[2] > level):
            share = (level - a[2]) / (b[2] - a[2])
            kept.append(np.array([*(a + share * (b - a))[:2], level]))
    return np.array(kept).reshape(-1, 3)
