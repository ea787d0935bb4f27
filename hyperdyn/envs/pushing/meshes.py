"""Meshes from the user's own PyBullet wheel, laid down as they rest best."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from hyperdyn.envs.pushing.bodies import Array, Body, Piece
from hyperdyn.extras import optional

MESHES = 1000  # in pybullet_data/random_urdfs
# One has corners that are not numbers; the others have more than twelve convex pieces, which makes them slow.
# fmt: off
UNFIT = frozenset((
    37, 72, 86, 109, 110, 123, 127, 134, 167, 168, 178, 230, 232, 267, 278, 284, 292, 295, 297, 302, 304, 315, 316, 321,
    338, 350, 355, 357, 360, 362, 378, 384, 395, 429, 433, 439, 444, 454, 479, 503, 505, 507, 524, 546, 552, 570, 578,
    580, 602, 652, 703, 706, 709, 732, 741, 748, 777, 782, 784, 795, 806, 815, 817, 824, 840, 853, 858, 859, 882, 895,
    897, 922, 933, 990,
))
# fmt: on
FIT = tuple(n for n in range(MESHES) if n not in UNFIT)
"""Numbers of the meshes that serve as objects."""

DIRECTIONS = 4000
"""Directions in which a mesh is tried to lie."""

SAWN = 0.2


def mesh(number: int) -> Body:
    """Mesh `number` of the wheel in units of its own: laid down as it rests best, and sawn flat below.

    It rests best where its centroid is lowest. Its faces are rough, so that it would stand on three corners and rock on
    others; the lowest part of its height, SAWN, is cut off.
    """
    data = optional("pybullet_data", "an object of the family 'pushing'")
    path = Path(data.getDataPath(), "random_urdfs", f"{number:03d}", f"{number:03d}.obj")
    body = Body(read_obj(path.read_text()))
    centroid, _ = body.mass_properties()
    lying = body.moved(rotation=_laid_down(body.vertices - centroid))
    low, high = lying.vertices[:, 2].min(), lying.vertices[:, 2].max()
    return lying.sawn(low + SAWN * (high - low))


def read_obj(text: str) -> tuple[Piece, ...]:
    """The objects of a Wavefront file, which in this wheel are convex."""
    vertices: list[list[float]] = []
    groups: list[list[tuple[int, int, int]]] = []
    for line in text.splitlines():
        kind, *rest = line.split() or [""]
        if kind == "v":
            vertices.append([float(x) for x in rest[:3]])
        elif kind in ("o", "g"):
            groups.append([])
        elif kind == "f":
            corner = [int(c.split("/")[0]) - 1 for c in rest]
            groups[-1] += [(corner[0], corner[i], corner[i + 1]) for i in range(1, len(corner) - 1)]
    everything = np.array(vertices)
    pieces = []
    for faces in filter(None, groups):
        used, renumbered = np.unique(np.array(faces), return_inverse=True)
        pieces.append(Piece(everything[used], renumbered.reshape(-1, 3)))
    return tuple(pieces)


def _laid_down(points: Array) -> Array:
    """The rotation [3,3] that puts the nearest supporting plane of points [n,3] about their centroid below.

    From the centroid to the plane that touches the body in direction u it is h(u) = max_i u . p_i. A body rests where h
    has a minimum, best at the lowest.
    """
    n = np.arange(DIRECTIONS) + 0.5
    z, turn = 1 - 2 * n / DIRECTIONS, np.pi * (1 + 5**0.5) * n  # evenly spread over the sphere
    spread = np.stack([np.sqrt(1 - z**2) * np.cos(turn), np.sqrt(1 - z**2) * np.sin(turn), z], axis=1)
    down = _lowest(points, spread)
    for shrink in 0.1 ** np.arange(1, 6):
        nearby = down + shrink * spread[::16]
        down = _lowest(points, np.concatenate([down[None], nearby / np.linalg.norm(nearby, axis=1, keepdims=True)]))
    side = np.cross(down, np.eye(3)[np.abs(down).argmin()])
    side /= np.linalg.norm(side)
    return np.stack([side, np.cross(-down, side), -down])


def _lowest(points: Array, directions: Array) -> Array:
    """The direction [3] in which a plane that touches the points is nearest."""
    found: Array = directions[(directions @ points.T).max(1).argmin()]
    return found
