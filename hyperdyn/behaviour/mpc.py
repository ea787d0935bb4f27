"""Planning on the true simulator, executed with noise: data near what a good planner visits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from hyperdyn.behaviour.base import AbstractBehaviour, Played, System
from hyperdyn.errors import ConfigError
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.types import CostFn, Plan


class MPC(AbstractBehaviour):
    """Model-predictive control with the true simulator as the model.

    planner: searches; few candidates suffice, as each costs a simulation.
    noise: in each episode, N(0, sd^2) is added to the executed actions, sd ~ U(0, noise).
    replan_every: steps of a plan that are executed before the next search.
    """

    def __init__(self, planner: AbstractPlanner, noise: float = 0.25, replan_every: int = 1) -> None:
        if not (noise >= 0 and 1 <= replan_every <= planner.horizon):
            raise ConfigError(
                "the behaviour 'mpc' cannot act so",
                got=f"noise={noise}, replan_every={replan_every}",
                expected=f"noise >= 0, 1 <= replan_every <= horizon = {planner.horizon}",
            )
        self.planner = planner
        self.noise = noise
        self.replan_every = replan_every

    def play(self, system: System, steps: int, rng: np.random.Generator) -> Played:
        E, A = system.episodes, system.spec.action_dim
        std = rng.uniform(0.0, self.noise, (E, 1, 1))
        generators = [torch.Generator().manual_seed(s) for s in rng.integers(2**63 - 1, size=E).tolist()]
        now, plan = system, None
        states, actions = [system.states[:, None]], []
        for t in range(0, steps, self.replan_every):
            plan = self.planner.plan(_cost(now), A, generators, plan)
            ahead = plan.actions[:, : min(self.replan_every, steps - t)].numpy()
            action = np.clip(ahead + std * rng.standard_normal(ahead.shape), -1.0, 1.0).astype(np.float32)
            after = system.simulator.rollout(now.states[None], action[None].astype(np.float64))[0]  # [E,n,X]
            now = replace(system, states=after[:, -1])
            plan = _shifted(plan, self.replan_every)
            states.append(after)
            actions.append(action)
        obs = system.simulator.observe(np.concatenate(states, axis=1))  # [E,L+1,S]
        return Played(obs, np.concatenate(actions, axis=1))


def _cost(now: System) -> CostFn:
    def cost(actions: Tensor) -> Tensor:
        tried = actions.numpy()  # [E,N,H,A]
        return torch.from_numpy(-now.returns(now.simulate(tried), tried)).float()

    return cost


def _shifted(plan: Plan, steps: int) -> Plan:
    for _ in range(steps):
        plan = plan.shift()
    return plan
