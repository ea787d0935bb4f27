"""What every method that plans is asked to do alike, and what its returns are known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, nearest
from hyperdyn.evaluate.earlier import Earlier
from hyperdyn.evaluate.identity import identity
from hyperdyn.planning.base import AbstractPlanner

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """What every method is asked to do alike: the same systems, initial states, candidates' seeds and planner.

    factors: [systems][F]. starts: seed of each system's initial state, and of its planner's candidates.
    replan: steps that are executed of a plan before the next one is made: 1 is closed loop, `steps` open loop.
    risk: what a standard deviation of reward costs a model's plan; the simulator, which has none, plans without.
    particles: sampled futures that a model's plan is judged by, 0 for the expected one; the simulator needs none.
    earlier: what a model knows of its system before the episode begins; None is nothing.
    setting: arguments of the environment in place of the family's own, which the models were trained with.

    Raises:
        ConfigError: not one start per system, or a setting that the family does not name in its `env_kwargs`.
    """

    family: Family
    factors: Doubles
    starts: Sequence[int]
    planner: AbstractPlanner
    steps: int = 100
    risk: float = 0.0
    replan: int = 1
    earlier: Earlier | None = None
    setting: Mapping[str, Any] = field(default_factory=dict)
    particles: int = 0

    def __post_init__(self) -> None:
        if len(self.factors) != len(self.starts) or not len(self.starts):
            raise ConfigError("a task needs one start per system", got=f"{len(self.factors)} and {len(self.starts)}")
        for name in self.setting:
            if name not in self.family.env_kwargs:
                fix = nearest(name, self.family.env_kwargs) if self.family.env_kwargs else "it has none: leave it out"
                raise ConfigError(f"no such argument of the environment of '{self.family.name}'", got=name, fix=fix)
        changed = replace(self.family, env_kwargs={**self.family.env_kwargs, **self.setting})
        object.__setattr__(self, "family", changed)

    def first(self, systems: int) -> Task:
        """The same of the first so many systems."""
        return replace(self, factors=self.factors[:systems], starts=self.starts[:systems])

    def share(self, rank: int, world: int) -> Task:
        """Every world-th system, from the rank-th."""
        rows = slice(rank, None, world)
        return replace(self, factors=self.factors[rows], starts=self.starts[rows])

    @property
    def how(self) -> str:
        """Under what returns are comparable; see `how`."""
        behaviour = "" if self.earlier is None else self.earlier.shown
        return how(self.planner, self.risk, self.replan, self.setting, behaviour, self.particles)

    @property
    def support(self) -> int:
        """K, earlier transitions of each system."""
        return 0 if self.earlier is None else self.earlier.steps

    @property
    def key(self) -> str:
        """Hash over what the return of a method without parameters depends on, the system itself apart."""
        planner = [type(self.planner).__name__, _settings(self.planner)]
        return _hash([identity(self.family), *planner, self.steps, self.replan])

    @property
    def file_stem(self) -> str:
        """What a file about all tasks of this key is called."""
        return "-".join([*([] if self.family.observed_only else [self.family.name]), self.key[:16]])

    @property
    def system_keys(self) -> list[str]:
        """Of each system, the hash over its factors and its start."""
        return [_hash([list(map(float, f)), int(s)]) for f, s in zip(self.factors, self.starts, strict=True)]


def how(
    planner: AbstractPlanner,
    risk: float,
    replan: int = 1,
    setting: Mapping[str, Any] | None = None,
    behaviour: str = "",
    particles: int = 0,
) -> str:
    """A planner's class and its public settings, as CEM(candidates=150, ...), and whatever else is not as usual.

    setting: see `Task`. behaviour: that made the earlier transitions, if it is not the family's own.
    """
    shown = ", ".join(f"{k}={v}" for k, v in _settings(planner).items() if not k.startswith("_"))
    more = {"risk": f"{risk:g}" if risk else "", "replan": replan if replan > 1 else "", "earlier": behaviour}
    more |= {"particles": particles or ""}
    more |= dict(sorted((setting or {}).items()))
    return f"{type(planner).__name__}({shown})" + "".join(f", {k}={v}" for k, v in more.items() if v != "")


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _settings(planner: AbstractPlanner) -> dict[str, Any]:
    """Everything that a planner holds."""
    return {k: v.tolist() if isinstance(v, Tensor) else v for k, v in sorted(vars(planner).items())}
