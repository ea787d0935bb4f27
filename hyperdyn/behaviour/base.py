"""The one contract that every behaviour fulfils: a system at hand, its episodes played."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hyperdyn.envs.simulator import AbstractSimulator
from hyperdyn.envs.termination import Termination, ending
from hyperdyn.types import Objective, StateSpec

Array = NDArray[np.float64]
Actions = NDArray[np.float32]


@dataclass(frozen=True)
class System:
    """One system at the start of each of its E episodes.

    dt: seconds from one action to the next.
    termination: whether a step ends an episode; no reward counts after it.
    """

    simulator: AbstractSimulator  # of this system alone, B = 1
    states: Array  # [E,X] physics states
    spec: StateSpec
    objective: Objective
    dt: float
    termination: Termination | None = None

    @property
    def episodes(self) -> int:
        return len(self.states)

    def only(self, episodes: Any) -> System:
        """The same system with some of its episodes, given as any NumPy index."""
        return replace(self, states=self.states[episodes])

    def simulate(self, action: Actions) -> Array:
        """Observations [E,M,L+1,S] of M alternatives of each episode, action [E,M,L,A]."""
        E, M, L, A = action.shape
        start = np.repeat(self.states, M, axis=0)  # [E*M,X]
        after = self.simulator.rollout(start[None], action.reshape(1, E * M, L, A).astype(np.float64))[0]
        states = np.concatenate([start[:, None], after], axis=1)  # [E*M,L+1,X]
        return self.simulator.observe(states).reshape(E, M, L + 1, -1)

    def returns(self, obs: Array, action: Actions) -> Array:
        """Sum of rewards [E,M] of obs [E,M,L+1,S], action [E,M,L,A]; NaN counts as minus infinity."""
        seen = torch.from_numpy(obs)
        paid = ending(self.objective, self.termination, dim=-1)
        reward = paid(seen[..., :-1, :], torch.from_numpy(action).double(), seen[..., 1:, :])  # [E,M,L]
        return np.nan_to_num(reward.sum(-1).numpy(), nan=-np.inf)


@dataclass(frozen=True)
class Played:
    """The E episodes of one system: what was seen and done.

    redrawn: steps that were tried and not kept, why to how many, of a behaviour that checks what it does.
    """

    obs: Array  # [E,L+1,S]
    action: Actions  # [E,L,A]
    redrawn: Mapping[str, int] = field(default_factory=dict)


class AbstractBehaviour(ABC):
    """Plays the episodes of one system. All its randomness comes from `rng`."""

    @abstractmethod
    def play(self, system: System, steps: int, rng: np.random.Generator) -> Played:
        """Every episode of the system for L = `steps` steps. Actions are those executed, in [-1, 1]."""


class AbstractOpenLoop(AbstractBehaviour):
    """A behaviour that decides on all its actions before it sees anything."""

    @abstractmethod
    def actions(self, rng: np.random.Generator, episodes: int, steps: int, action_dim: int, dt: float) -> Array:
        """Actions [E,L,A] in [-1, 1]; dt in [s]."""

    def play(self, system: System, steps: int, rng: np.random.Generator) -> Played:
        action = self.actions(rng, system.episodes, steps, system.spec.action_dim, system.dt)
        # Rounded before they are executed: what is stored is what acted.
        executed = action.astype(np.float32)
        return Played(system.simulate(executed[:, None])[:, 0], executed)
