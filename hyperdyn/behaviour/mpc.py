"""Planning on the true simulator, executed with noise: data near what a good planner visits."""

from __future__ import annotations

import numpy as np
import torch

from hyperdyn.behaviour.base import AbstractBehaviour, Played, System
from hyperdyn.errors import ConfigError
from hyperdyn.models.simulator import SimulatorExpert
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.control import run_episodes


class MPC(AbstractBehaviour):
    """Model-predictive control with the true simulator as the model.

    planner: searches at every step; few candidates suffice, as each costs a simulation.
    noise: in each episode, N(0, sd^2) is added to the executed actions, sd ~ U(0, noise).
    """

    def __init__(self, planner: AbstractPlanner, noise: float = 0.25) -> None:
        if noise < 0:
            raise ConfigError("noise of a behaviour", got=noise, expected="a standard deviation >= 0")
        self.planner = planner
        self.noise = noise

    def play(self, system: System, steps: int, rng: np.random.Generator) -> Played:
        std = torch.from_numpy(rng.uniform(0.0, self.noise, system.episodes)).float()
        seeds = rng.integers(2**31, size=system.episodes).tolist()
        expert = SimulatorExpert(system.simulator)
        done = [
            run_episodes(
                system.simulator,
                system.states[e : e + 1],
                lambda context: expert,
                self.planner,
                system.objective,
                system.spec,
                steps=steps,
                seeds=seeds[e : e + 1],
                history=0,
                noise_std=std[e : e + 1],
            )
            for e in range(system.episodes)
        ]
        obs = np.concatenate([system.simulator.observe(d.state) for d in done])  # [E,L+1,S]
        return Played(obs, np.concatenate([d.action for d in done]))
