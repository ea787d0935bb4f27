"""A family: one environment, the hidden factors in which its systems differ, and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from hyperdyn.envs.simulator import AbstractSimulator
from hyperdyn.errors import ConfigError, nearest
from hyperdyn.types import Objective, StateSpec

SPLITS = ("train", "interpolation", "extrapolation")
"""train: what models learn from; interpolation: unseen, inside its range; extrapolation: unseen, outside it."""


@dataclass(frozen=True)
class Factor:
    """One hidden physical quantity.

    Each split is a list of intervals [low, high] drawn in proportion to their length (in log space if `log`), or a list
    of single numbers drawn alike often. A split that is left out is drawn as `train` is.
    """

    unit: str
    nominal: float
    train: tuple[Any, ...]
    interpolation: tuple[Any, ...] | None = None
    extrapolation: tuple[Any, ...] | None = None
    log: bool = False
    about: str = ""

    def pieces(self, split: str) -> tuple[Any, ...]:
        own: tuple[Any, ...] | None = getattr(self, split)
        return self.train if own is None else own

    def draw(self, split: str, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """n values [n] of one split."""
        pieces = self.pieces(split)
        ends = np.array([p if np.ndim(p) else (p, p) for p in pieces], dtype=np.float64)  # [pieces, 2]
        ends = np.log(ends) if self.log else ends
        width = ends[:, 1] - ends[:, 0]
        weight = width / width.sum() if width.sum() > 0 else np.full(len(pieces), 1 / len(pieces))
        low, high = ends[rng.choice(len(pieces), size=n, p=weight)].T
        value = low + (high - low) * rng.random(n)
        return np.exp(value) if self.log else value


@dataclass(frozen=True)
class ExactlyOne:
    """In this split exactly one of these factors, each alike often, takes this value (one motor is dead)."""

    split: str
    factors: tuple[str, ...]
    value: float


@dataclass(frozen=True)
class Family:
    """Systems that differ in hidden factors only.

    env_id: a Gymnasium id; the factors are keyword arguments of its constructor.
    dt: seconds from one action to the next.
    objective: reward of one step on batches, equal to the environment's own.
    simulator: (family, factors [B,F]) to the batched simulator.
    """

    name: str
    env_id: str
    factors: Mapping[str, Factor]
    state: StateSpec
    dt: float
    episode_steps: int
    objective: Objective
    simulator: Callable[[Family, NDArray[np.float64]], AbstractSimulator]
    exactly_one: tuple[ExactlyOne, ...] = ()
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def factor_names(self) -> tuple[str, ...]:
        return tuple(self.factors)

    @property
    def nominal(self) -> NDArray[np.float64]:
        """Nominal factors [F]."""
        return np.array([f.nominal for f in self.factors.values()])

    def draw(self, split: str, n: int, seed: int) -> NDArray[np.float64]:
        """Factors [n,F] of n systems of a split. System i is the same whatever n is."""
        if split not in SPLITS:
            raise ConfigError(f"unknown split of family '{self.name}'", got=split, fix=nearest(split, SPLITS))
        return np.stack([self._draw_one(split, seed, i) for i in range(n)]) if n else np.empty((0, len(self.factors)))

    def _draw_one(self, split: str, seed: int, index: int) -> NDArray[np.float64]:
        rng = np.random.default_rng([seed, SPLITS.index(split), index])
        value = {name: f.draw(split, 1, rng)[0] for name, f in self.factors.items()}
        for rule in self.exactly_one:
            if rule.split == split:
                value[rule.factors[rng.integers(len(rule.factors))]] = rule.value
        return np.array([value[name] for name in self.factors])

    def make(self, factors: NDArray[np.float64], **kwargs: Any) -> gymnasium.Env[Any, Any]:
        """The Gymnasium environment of one system, factors [F]."""
        hidden = dict(zip(self.factors, map(float, factors), strict=True))
        return gymnasium.make(self.env_id, **{**self.env_kwargs, **hidden, **kwargs})

    def simulate(self, factors: NDArray[np.float64]) -> AbstractSimulator:
        """The batched simulator of B systems, factors [B,F]."""
        return self.simulator(self, factors)
