"""What is seen of the table. What is felt of it has no end."""

from __future__ import annotations

BOARD = (1.0, 1.0, 1e-4)
"""[m] Half of its edges, and its height."""


def as_obj() -> str:
    """Wavefront text of the board's top, which both renderers draw alike and in one colour. A flat box would not do:
    OpenGL gets its convex hull, where corners so near to each other are merged and normals at the edge point outwards.
    """
    x, y, z = BOARD
    corners = ((-x, -y), (x, -y), (x, y), (-x, y))
    return "\n".join([*(f"v {a} {b} {z}" for a, b in corners), "vn 0 0 1", "f 1//1 2//1 3//1", "f 1//1 3//1 4//1", ""])
