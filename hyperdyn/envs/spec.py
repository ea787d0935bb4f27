"""A family: one environment, the hidden factors in which its systems differ, and what is asked of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, TypeVar

import gymnasium
import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hyperdyn.envs.simulator import AbstractSimulator
from hyperdyn.envs.termination import Termination
from hyperdyn.errors import ConfigError, nearest
from hyperdyn.types import Objective, StateSpec

T = TypeVar("T")

SPLITS = ("train", "interpolation", "extrapolation")
"""train: what models learn from; interpolation: unseen, inside its range; extrapolation: unseen, outside it."""


@dataclass(frozen=True)
class Factor:
    """One hidden physical quantity.

    Each split is a list of intervals [low, high] drawn in proportion to their length (in log space if `log`), or a list
    of single numbers drawn alike often, not of both. A split that is left out is drawn as `train` is.
    """

    unit: str
    nominal: float
    train: tuple[Any, ...]
    interpolation: tuple[Any, ...] | None = None
    extrapolation: tuple[Any, ...] | None = None
    log: bool = False
    about: str = ""

    def __post_init__(self) -> None:
        for split in SPLITS:
            own = getattr(self, split)
            if own is not None:
                object.__setattr__(self, split, tuple(tuple(p) if np.ndim(p) else p for p in own))

    def ends(self, split: str) -> NDArray[np.float64]:
        """The split's intervals [pieces,2]; a single number is an interval of no length."""
        return np.array([p if np.ndim(p) else (p, p) for p in self.pieces(split)], dtype=np.float64)

    def faults(self) -> list[str]:
        """What is wrong with the declaration, in words."""
        found = []
        for split in SPLITS:
            pieces = self.pieces(split)
            if not pieces or any(np.ndim(p) and np.shape(p) != (2,) for p in pieces):
                found.append(f"{split} {pieces} is not a list of intervals [low, high] or of numbers")
                continue
            if len({np.ndim(p) for p in pieces}) > 1:
                found.append(f"{split} {pieces} mixes intervals and numbers")
            ends = self.ends(split)
            if (ends[:, 0] > ends[:, 1]).any():
                found.append(f"{split} {pieces} has an interval whose low end is above its high end")
            if self.log and (ends <= 0).any():
                found.append(f"{split} {pieces} has no logarithm")
        if not found and self.extrapolation is not None and _overlap(self.ends("train"), self.ends("extrapolation")):
            found.append(f"extrapolation {self.extrapolation} overlaps train {self.train}")
        return found

    def pieces(self, split: str) -> tuple[Any, ...]:
        own: tuple[Any, ...] | None = getattr(self, split)
        return self.train if own is None else own

    def draw(self, split: str, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        """n values [n] of one split."""
        ends = np.log(self.ends(split)) if self.log else self.ends(split)
        width = ends[:, 1] - ends[:, 0]
        weight = width / width.sum() if width.sum() > 0 else np.full(len(ends), 1 / len(ends))
        low, high = ends[rng.choice(len(ends), size=n, p=weight)].T
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
    factors, state, exactly_one: may be given as plain mappings of their fields, as YAML has them.
    dt: seconds from one action to the next.
    entries: names of an observation's entries with their units, for figures and tables; none or all.
    objective: reward of one step on batches, equal to the environment's own.
    success: whether observations [...,S] are where one wants to get, [...]; None where there is no such place.
    success_text: the same in words, for tables.
    simulator: (family, factors [B,F]) to the batched simulator.
    termination: whether a step ends an episode; None where episodes only end by their length.
    behaviour: the option of conf/behaviour that explores its systems, where nobody asks for another.
    builder: makes the environment of one system from `env_id` and keyword arguments; `gymnasium.make` if None.
    observed_only: keyword arguments of the environment that change what is observed and nothing else, neither physics
        nor tasks nor rewards: among families that differ in these alone, planning with the simulator is done once.
    """

    name: str
    env_id: str
    factors: Mapping[str, Factor]
    state: StateSpec
    dt: float
    episode_steps: int
    objective: Objective
    simulator: Callable[[Family, NDArray[np.float64]], AbstractSimulator]
    success: Callable[[Tensor], Tensor] | None = None
    exactly_one: tuple[ExactlyOne, ...] = ()
    env_kwargs: Mapping[str, Any] = field(default_factory=dict)
    entries: tuple[str, ...] = ()
    termination: Termination | None = None
    behaviour: str = "mixture"
    builder: Callable[..., gymnasium.Env[Any, Any]] | None = None
    observed_only: tuple[str, ...] = ()
    success_text: str = ""

    def __post_init__(self) -> None:
        factors = {name: self._read(Factor, given, f"factor '{name}'") for name, given in self.factors.items()}
        state = self._read(StateSpec, self.state, "state")
        rules = tuple(self._read(ExactlyOne, given, "exactly_one") for given in self.exactly_one)
        object.__setattr__(self, "factors", factors)
        object.__setattr__(self, "entries", tuple(self.entries))
        object.__setattr__(self, "observed_only", tuple(self.observed_only))
        object.__setattr__(self, "state", state)
        object.__setattr__(self, "exactly_one", tuple(replace(r, factors=tuple(r.factors)) for r in rules))
        if len(self.entries) not in (0, state.obs_dim):
            expected = f"none, or one of each of the {state.obs_dim} entries"
            raise ConfigError(f"entries of family '{self.name}'", got=list(self.entries), expected=expected)
        for name, factor in factors.items():
            for fault in factor.faults():
                raise ConfigError(f"factor '{name}' of family '{self.name}' cannot be", got=fault)
        for rule in self.exactly_one:
            for name, valid in [(rule.split, SPLITS), *((f, factors) for f in rule.factors)]:
                if name not in valid:
                    raise ConfigError(f"exactly_one of family '{self.name}'", got=name, fix=nearest(name, valid))

    def _read(self, kind: type[T], given: T | Mapping[str, Any], what: str) -> T:
        if isinstance(given, kind):
            return given
        assert isinstance(given, Mapping)
        valid = [f.name for f in fields(kind)]  # type: ignore[arg-type]
        for name in given:
            if name not in valid:
                raise ConfigError(f"unknown field in {what} of '{self.name}'", got=name, fix=nearest(name, valid))
        try:
            return StateSpec.of(given) if kind is StateSpec else kind(**given)  # type: ignore[return-value]
        except TypeError as error:
            raise ConfigError(f"{what} of family '{self.name}'", got=error, expected=", ".join(valid)) from error

    @property
    def factor_names(self) -> tuple[str, ...]:
        return tuple(self.factors)

    @property
    def entry_names(self) -> tuple[str, ...]:
        """What to call each of the S entries of an observation."""
        return self.entries or tuple(f"entry {i}" for i in range(self.state.obs_dim))

    @property
    def nominal(self) -> NDArray[np.float64]:
        """Nominal factors [F]."""
        return np.array([f.nominal for f in self.factors.values()], dtype=np.float64)

    def ranges(self, split: str) -> NDArray[np.float64]:
        """Lowest and highest value [F,2] that each factor takes in a split; the same twice where it never varies."""
        values = {name: [f.ends(split).min(), f.ends(split).max()] for name, f in self.factors.items()}
        for rule in self.exactly_one:
            for name in rule.factors if rule.split == split else ():
                own = values[name] if len(rule.factors) > 1 else []  # the only one is always the one
                values[name] = [min([*own, rule.value]), max([*own, rule.value])]
        return np.array(list(values.values()))

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
        make = self.builder or gymnasium.make
        return make(self.env_id, **{**self.env_kwargs, **hidden, **kwargs})

    def simulate(self, factors: NDArray[np.float64]) -> AbstractSimulator:
        """The batched simulator of B systems, factors [B,F]."""
        return self.simulator(self, factors)


def _overlap(a: NDArray[np.float64], b: NDArray[np.float64]) -> bool:
    """Whether intervals [n,2] and [m,2] share more than an end point."""
    low = np.maximum(a[:, None, 0], b[None, :, 0])
    high = np.minimum(a[:, None, 1], b[None, :, 1])
    same = (a[:, None] == b[None, :]).all(-1)  # a single number lies in a list of numbers
    inside = (low == high) & (a[:, None, 0] != b[None, :, 1]) & (a[:, None, 1] != b[None, :, 0])  # or in an interval
    return bool(((low < high) | same | inside).any())
