"""Independent uniform actions."""

from __future__ import annotations

import numpy as np

from hyperdyn.behaviour.base import AbstractOpenLoop, Array


class RandomUniform(AbstractOpenLoop):
    """a_t ~ U(-1, 1), every entry and step on its own. Averages out over a few steps: the system hardly leaves rest."""

    def actions(self, rng: np.random.Generator, episodes: int, steps: int, action_dim: int, dt: float) -> Array:
        return rng.uniform(-1.0, 1.0, (episodes, steps, action_dim))
