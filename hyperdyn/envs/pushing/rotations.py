"""Quaternions (x, y, z, w), as PyBullet orders them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def about_z(angle: Array | float) -> Array:
    """The turn [...,4] by angles [...] [rad] about the vertical."""
    half = np.asarray(angle, dtype=np.float64) / 2
    return np.stack([np.zeros_like(half), np.zeros_like(half), np.sin(half), np.cos(half)], axis=-1)


def turned(points: Array, angle: float) -> Array:
    """Points [...,2] turned about the origin [rad]."""
    c, s = math.cos(angle), math.sin(angle)
    return points @ np.array([[c, s], [-s, c]])


def product(first: Array, second: Array) -> Array:
    """The turn [4] by `second`, then by `first`."""
    a, b, u, v = first[3], second[3], first[:3], second[:3]
    return np.array([*(a * v + b * u + np.cross(u, v)), a * b - u @ v])


def inverse(quaternion: Array) -> Array:
    return quaternion * np.array([-1.0, -1.0, -1.0, 1.0])


def matrix(quaternion: Array) -> Array:
    """Rotation [3,3]."""
    x, y, z, w = quaternion / np.linalg.norm(quaternion)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def of_matrix(rotation: Array) -> Array:
    """Quaternion [4] with w >= 0 of a rotation [3,3]."""
    m = rotation
    largest = int(np.argmax([m[0, 0], m[1, 1], m[2, 2], m.trace()]))
    if largest == 3:
        q = np.array([m[2, 1] - m[1, 2], m[0, 2] - m[2, 0], m[1, 0] - m[0, 1], 1 + m.trace()])
    else:
        i, j, k = largest, (largest + 1) % 3, (largest + 2) % 3
        q = np.empty(4)
        q[i], q[j], q[k] = 1 + m[i, i] - m[j, j] - m[k, k], m[j, i] + m[i, j], m[k, i] + m[i, k]
        q[3] = m[k, j] - m[j, k]
    q /= np.linalg.norm(q)
    return -q if q[3] < 0 else q


def heading(quaternion: Array) -> float:
    """The angle about the vertical [rad] of the turn closest to this one."""
    return 2 * math.atan2(quaternion[2], quaternion[3])


def tilt(quaternion: Array) -> float:
    """The angle [rad] between the turned vertical and the vertical."""
    return math.acos(max(-1.0, min(1.0, 1 - 2 * (quaternion[0] ** 2 + quaternion[1] ** 2))))
