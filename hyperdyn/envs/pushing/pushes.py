"""From an action to a push: a straight line over the table, and a speed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperdyn.envs.pushing.rotations import turned
from hyperdyn.envs.pushing.scales import (
    DISTANCE,
    MAX_OFFSET,
    OBSTACLE_RADIUS,
    SPEED,
    STANDOFF,
    TIME_STEP,
    TOOL_RADIUS,
)
from hyperdyn.errors import ShapeError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Push:
    """The path of the tool's axis over the table. It comes down at `start`, and is lifted at once at `end`."""

    start: Array  # [2] [m]
    end: Array  # [2] [m]
    angle: float  # of travel [rad]
    steps: int  # of the physics, from start to end

    def moved(self, shift: Array, turn: float) -> Push:
        """The same push shifted by [2], then turned about the origin [rad], to a nanometre.

        The angle is between -pi and pi. Rounded, so that one push seen from two places is the same to the last bit.
        """
        start, end = (turned(point + shift, turn).round(9) for point in (self.start, self.end))
        return Push(start, end, round(math.remainder(self.angle + turn, 2 * math.pi), 9), self.steps)

    def meets(self, obstacles: Array) -> bool:
        """Whether the tool on its way overlaps an obstacle of [n,2]. It passes through: they do not change its way."""
        along = self.end - self.start
        gap = obstacles - self.start
        share = np.clip(gap @ along / (along @ along), 0.0, 1.0)
        distance = np.linalg.norm(gap - share[:, None] * along, axis=1)
        return bool((distance < TOOL_RADIUS + OBSTACLE_RADIUS).any())

    @property
    def speed(self) -> float:
        """[m/s], rounded so that the way is a whole number of steps."""
        return float(np.linalg.norm(self.end - self.start)) / (self.steps * TIME_STEP)


def push_of(position: Array, action: Array) -> Push:
    """The push of an object whose origin is at [2] by an action [4], clipped to [-1, 1].

    Raises:
        ShapeError: an action that is not finite.
    """
    if not np.isfinite(action).all():
        raise ShapeError("a push needs four finite numbers", got=np.asarray(action).tolist())
    a = np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0)
    start, end = line(position[0], position[1], a, math)
    steps = round(float(between(DISTANCE, a[2]) / between(SPEED, a[3])) / TIME_STEP)
    return Push(np.array(start), np.array(end), math.pi * float(a[0]), steps)


def line(x: Any, y: Any, action: Any, library: Any) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    """Where the tool comes down and where it is lifted, (x, y) each, for an object at (x, y) and actions [...,4].

    library: what has `cos` and `sin` of the entries: math, numpy or torch.
    """
    c, s = library.cos(math.pi * action[..., 0]), library.sin(math.pi * action[..., 0])
    left = MAX_OFFSET * action[..., 1]
    ahead = between(DISTANCE, action[..., 2]) - STANDOFF
    start = x - STANDOFF * c - left * s, y - STANDOFF * s + left * c
    return start, (x + ahead * c - left * s, y + ahead * s + left * c)


def action_of(angle: float, offset: float, distance: float, speed: float) -> Array:
    """The action [4] of a push in this direction [rad] with this offset [m], distance [m] and speed [m/s]."""
    wrapped = (angle + math.pi) % (2 * math.pi) - math.pi
    return np.array([wrapped / math.pi, offset / MAX_OFFSET, _unit(DISTANCE, distance), _unit(SPEED, speed)])


def between(ends: tuple[float, float], unit: Any) -> Any:
    """The value at `unit` in [-1, 1] from the low to the high end."""
    return ends[0] + (ends[1] - ends[0]) * (unit + 1) / 2


def _unit(ends: tuple[float, float], value: float) -> float:
    return 2 * (value - ends[0]) / (ends[1] - ends[0]) - 1
