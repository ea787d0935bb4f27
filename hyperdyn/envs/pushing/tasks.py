"""Where an episode starts, where it should end, and what stands between."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from hyperdyn.envs.pushing import scales

Array = NDArray[np.float64]

GAP = 0.02
"""[m] at least between an obstacle and the object at the start, or as it should lie at the end."""

NARROW, WIDER = 0.06, 1e-3
"""[m] to either side of the straight way in which a place is sought first, and by how much more after each failure."""


def draw(rng: np.random.Generator, radius: float, obstacles: int) -> tuple[Array, Array, Array]:
    """A start (x, y, yaw), a goal (x, y, yaw) and obstacles [3,2], those that are absent at their parking place.

    The goal lies GOAL_DISTANCE from the start, inside the workspace, turned by at most GOAL_TURN. Obstacles stand
    between start and goal, to both sides of the straight way, free of an object of this radius at either end, and so
    far from each other that it fits between any two.
    """
    start = np.array([*rng.uniform(-scales.START, scales.START, 2), rng.uniform(-math.pi, math.pi)])
    turn = rng.uniform(-scales.GOAL_TURN, scales.GOAL_TURN)
    goal = np.array([*_goal(rng, start[:2], obstacles, radius), start[2] + turn])
    standing = np.tile(np.array(scales.PARKED), (scales.OBSTACLES, 1))
    standing[:, 0] -= np.arange(scales.OBSTACLES)  # no two at one place
    for n in range(obstacles):
        standing[n] = _obstacle(rng, start[:2], goal[:2], standing[:n], radius)
    return start, goal, standing


def _goal(rng: np.random.Generator, start: Array, obstacles: int, radius: float) -> Array:
    # There must be room for what stands between.
    low, high = scales.GOAL_DISTANCE
    low = max(low, 0.75 * high) if obstacles else low
    while True:
        angle, distance = rng.uniform(-math.pi, math.pi), rng.uniform(low, high)
        goal = start + distance * np.array([math.cos(angle), math.sin(angle)])
        if np.abs(goal).max() < scales.WORKSPACE:
            return goal


def _obstacle(rng: np.random.Generator, start: Array, goal: Array, others: Array, radius: float) -> Array:
    way = goal - start
    left = np.array([-way[1], way[0]]) / np.linalg.norm(way)
    clear = radius + scales.OBSTACLE_RADIUS + GAP
    aside = NARROW
    while True:
        place = start + rng.uniform(0.2, 0.8) * way + rng.choice([-1.0, 1.0]) * rng.uniform(0.0, aside) * left
        free = min(np.linalg.norm(place - start), np.linalg.norm(place - goal)) > clear
        if free and (np.linalg.norm(others - place, axis=1) > 2 * clear - GAP).all():
            return place
        aside += WIDER  # the farther to the side, the more room
