"""What every method that plans is asked to do alike, and what its returns are known by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError
from hyperdyn.planning.base import AbstractPlanner

Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Task:
    """What every method is asked to do alike: the same systems, initial states, candidates' seeds and planner.

    factors: [systems][F]. starts: seed of each system's initial state, and of its planner's candidates.
    replan: steps that are executed of a plan before the next one is made: 1 is closed loop, `steps` open loop.
    risk: what a standard deviation of reward costs a model's plan; the simulator, which has none, plans without.
    """

    family: Family
    factors: Doubles
    starts: Sequence[int]
    planner: AbstractPlanner
    steps: int = 100
    risk: float = 0.0
    replan: int = 1

    def __post_init__(self) -> None:
        if len(self.factors) != len(self.starts) or not len(self.starts):
            raise ConfigError("a task needs one start per system", got=f"{len(self.factors)} and {len(self.starts)}")

    def share(self, rank: int, world: int) -> Task:
        """Every world-th system, from the rank-th."""
        rows = slice(rank, None, world)
        return replace(self, factors=self.factors[rows], starts=self.starts[rows])

    @property
    def how(self) -> str:
        """Under what returns are comparable; see `how`."""
        return how(self.planner, self.risk, self.replan)

    @property
    def key(self) -> str:
        """Hash over what the return of a method without parameters depends on, the system itself apart."""
        family = [self.family.name, self.family.env_id, dict(self.family.env_kwargs), self.family.dt]
        if self.family.builder is not None:
            family += [self.family.builder, self.family.objective, self.family.termination]
        return _hash([family, type(self.planner).__name__, _settings(self.planner), self.steps, self.replan])

    @property
    def system_keys(self) -> list[str]:
        """Of each system, the hash over its factors and its start."""
        return [_hash([list(map(float, f)), int(s)]) for f, s in zip(self.factors, self.starts, strict=True)]


def how(planner: AbstractPlanner, risk: float, replan: int = 1) -> str:
    """A planner's class and its public settings, as CEM(candidates=150, ...), and risk and replan if they are used."""
    shown = ", ".join(f"{k}={v}" for k, v in _settings(planner).items() if not k.startswith("_"))
    return f"{type(planner).__name__}({shown})" + (f", risk={risk:g}" if risk else "") + (
        f", replan={replan}" if replan > 1 else ""
    )


def _hash(content: Any) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


def _settings(planner: AbstractPlanner) -> dict[str, Any]:
    """Everything that a planner holds."""
    return {k: v.tolist() if isinstance(v, Tensor) else v for k, v in sorted(vars(planner).items())}
