"""The true simulator behind the contract of an expert: the ceiling of planning."""

from __future__ import annotations

from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hyperdyn.envs.simulator import AbstractSimulator
from hyperdyn.errors import ShapeError
from hyperdyn.types import Expert, Step


@final
class SimulatorExpert(Expert):
    """Steps the B systems of a simulator. Its state is the physics state [B,N,X] in float64.

    An observation must determine the state (`AbstractSimulator.state_of`).
    """

    def __init__(self, simulator: AbstractSimulator) -> None:
        self.simulator = simulator

    def start(self, obs: Tensor) -> NDArray[np.float64]:
        if obs.shape[0] != self.simulator.batch:
            raise ShapeError(
                "the simulator holds another number of systems than the observations",
                got=f"obs {tuple(obs.shape)}",
                expected=f"[B,N,S] with B = {self.simulator.batch}",
                fix="plan for all systems at once: run_episodes(..., tile=None)",
            )
        return self.simulator.state_of(_array(obs))

    def step(self, state: NDArray[np.float64], action: Tensor) -> Step:
        state = self.simulator.rollout(state, _array(action)[:, :, None])[:, :, 0]
        obs = torch.as_tensor(self.simulator.observe(state), dtype=action.dtype, device=action.device)
        return Step(state, obs)


def _array(value: Tensor) -> NDArray[np.float64]:
    return value.detach().cpu().numpy().astype(np.float64)
