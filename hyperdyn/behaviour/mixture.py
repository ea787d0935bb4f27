"""Several behaviours, each for its share of the episodes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import numpy as np

from hyperdyn.behaviour.base import AbstractBehaviour, Played, System
from hyperdyn.errors import ConfigError


class Mixture(AbstractBehaviour):
    """Each episode is played by one of the parts, in proportion to the weights.

    Systematic sampling: with u ~ U(0, 1) of each system, episode e belongs to the part whose stretch of the cumulated
    weights holds (e + u) / E. A part of weight w gets floor(wE) or ceil(wE) episodes of every system, wE on average.

    parts: behaviours by name. weights: one for each of these names; they need not sum to one.
    """

    def __init__(self, parts: Mapping[str, AbstractBehaviour], weights: Mapping[str, float]) -> None:
        if set(parts) != set(weights):
            raise ConfigError("a mixture needs a weight for each part", got=sorted(weights), expected=sorted(parts))
        weight = np.array([float(weights[name]) for name in parts])
        if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.sum() > 0):
            raise ConfigError("weights of a mixture", got=dict(weights), expected="numbers >= 0, one of them above 0")
        self.parts = dict(parts)
        self.weight = weight / weight.sum()

    def assign(self, episodes: int, u: float) -> np.ndarray:
        """Index [E] of the part that plays each episode."""
        at = (np.arange(episodes) + u) / episodes
        return np.searchsorted(np.cumsum(self.weight)[:-1], at, side="right")

    def play(self, system: System, steps: int, rng: np.random.Generator) -> Played:
        part = self.assign(system.episodes, rng.random())
        played = [
            behaviour.play(system.only(part == i), steps, own)
            for i, (behaviour, own) in enumerate(zip(self.parts.values(), rng.spawn(len(self.parts)), strict=True))
            if (part == i).any()
        ]  # parts in order, and so are their episodes
        redrawn: Counter[str] = Counter()
        for p in played:
            redrawn.update(p.redrawn)
        obs, action = (np.concatenate([getattr(p, name) for p in played]) for name in ("obs", "action"))
        return Played(obs, action, dict(redrawn))
