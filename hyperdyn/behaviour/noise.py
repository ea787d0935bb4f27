"""Noise on executed actions."""

from __future__ import annotations

import numpy as np

from hyperdyn.behaviour.base import Actions


def with_noise(action: Actions, noise: float, rng: np.random.Generator) -> Actions:
    """Actions [E,L,A] plus N(0, sd^2), clipped to the box; each episode has a standard deviation sd ~ U(0, noise)."""
    std = rng.uniform(0.0, noise, (len(action), 1, 1))
    return np.clip(action + std * rng.standard_normal(action.shape), -1.0, 1.0).astype(np.float32)
