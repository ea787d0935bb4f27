"""Uniform actions, each held for a while."""

from __future__ import annotations

import numpy as np

from hyperdyn.behaviour.base import AbstractOpenLoop, Array
from hyperdyn.behaviour.ranges import check_range


class HeldUniform(AbstractOpenLoop):
    """a ~ U(-1, 1)^A, held for a time ~ U(low, high), then drawn anew. Episodes switch independently.

    hold: [low, high] in [s], rounded to whole steps and never less than one.
    """

    def __init__(self, hold: tuple[float, float] = (0.05, 0.5)) -> None:
        self.hold = check_range("hold", hold)

    def actions(self, rng: np.random.Generator, episodes: int, steps: int, action_dim: int, dt: float) -> Array:
        drawn = rng.uniform(-1.0, 1.0, (episodes, steps, action_dim))  # as many as could be needed
        held = np.maximum(1, np.rint(rng.uniform(*self.hold, (episodes, steps)) / dt)).astype(int)
        ends = np.cumsum(held, axis=1)  # [E, segments]
        segment = np.stack([np.searchsorted(e, np.arange(steps), side="right") for e in ends])  # [E,L]
        return np.take_along_axis(drawn, segment[..., None], axis=1)
