"""What was executed in a closed loop, and the simulator that executes it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray

from hyperdyn.envs.simulator import AbstractSimulator
from hyperdyn.envs.termination import Termination
from hyperdyn.types import Objective

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


@dataclass(frozen=True)
class Episodes:
    """L executed steps in each of B systems."""

    state: Doubles  # [B,L+1,X] physics states
    obs: Floats  # [B,L+1,S]
    action: Floats  # [B,L,A] as executed, noise included
    reward: Floats  # [B,L]
    candidates: Floats | None  # [B,decisions,M,H,A] the planner's own best sequences at each, best first
    seconds: Doubles  # [decisions] to adapt and plan, for all B systems together
    length: NDArray[np.int64]  # [B] steps until an episode ended, L where none did; what follows earns nothing
    predicted: Floats | None = None  # [B,L,S] what each step was expected to lead to

    @property
    def returns(self) -> Doubles:
        """Sum of rewards [B]."""
        return self.reward.sum(axis=1, dtype=np.float64)


@final
class Execution:
    """What has been executed so far, and the simulator that executes it."""

    def __init__(
        self,
        simulator: AbstractSimulator,
        states: Doubles,
        objective: Objective,
        termination: Termination | None = None,
    ) -> None:
        self._simulator, self._objective, self._termination = simulator, objective, termination
        self.running = torch.ones(len(states), dtype=torch.bool)
        self.length = np.zeros(len(states), np.int64)
        self.state = [states]
        self.obs = [self._observed(states)]
        self.action: list[Floats] = []
        self.reward: list[Floats] = []
        self.candidates: list[Floats] = []
        self.predicted: list[Floats] = []
        self.seconds: list[float] = []

    def _observed(self, state: Doubles) -> Floats:
        return self._simulator.observe(state).astype(np.float32)

    def step(self, action: Floats) -> None:
        before = self.state[-1]
        after = self._simulator.rollout(before[:, None], action[:, None, None].astype(np.float64))[:, 0, 0]
        s, a, s_next = (
            torch.from_numpy(v) for v in (self._simulator.observe(before), action, self._simulator.observe(after))
        )
        self.state.append(after)
        self.obs.append(self._observed(after))
        self.action.append(action)
        reward = torch.where(self.running, self._objective(s, a.double(), s_next), 0.0)
        self.length += self.running.numpy()
        if self._termination is not None:
            self.running &= ~self._termination(s, a.double(), s_next)
        self.reward.append(reward.numpy().astype(np.float32))

    def episodes(self) -> Episodes:
        candidates = np.stack(self.candidates, axis=1) if self.candidates else None
        state, obs = np.stack(self.state, axis=1), np.stack(self.obs, axis=1)
        action, reward = np.stack(self.action, axis=1), np.stack(self.reward, axis=1)
        predicted = np.stack(self.predicted, axis=1) if self.predicted else None
        return Episodes(state, obs, action, reward, candidates, np.array(self.seconds), self.length, predicted)
