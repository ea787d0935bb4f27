"""One round of on-policy data: a model plans on the systems that it was trained on, and what happens is kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hyperdyn.envs.spec import Family
from hyperdyn.envs.termination import lengths
from hyperdyn.episodes import Floats, simulate_candidates
from hyperdyn.evaluate.planning import first_look
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.models.folded import folded
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.control import run_episodes

Tile = Sequence[tuple[int, NDArray[np.float64]]]
"""Systems that are planned for together: number and factors [F] of each."""


@dataclass(frozen=True)
class OnPolicySystem:
    """What one system gave in one round: an executed episode, and candidates of the planner simulated as labels."""

    system: int
    factors: NDArray[np.float64]  # [F]
    obs: Floats  # [1,L+1,S]
    action: Floats  # [1,L,A]
    candidate_obs: Floats  # [E,H+1,S]; E is 0 if no candidates are kept
    candidate_action: Floats  # [E,H,A]
    length: NDArray[np.int32]  # [1] steps until the episode ended
    candidate_length: NDArray[np.int32]  # [E] likewise
    reward: float  # return of the executed episode


@dataclass(frozen=True)
class OnPolicyJob:
    """Plan with a model on a tile of training systems, with noise on what is executed.

    noise: in each episode N(0, sd^2) is added to the actions, sd ~ U(0, noise).
    candidates: of the planner's best sequences at a decision, so many are simulated on the true system, where the model
        would otherwise never be told that it was too optimistic.
    risk: what a standard deviation of reward costs in a plan; see `trajectory_cost`.
    candidate_every: decisions from one whose candidates are kept to the next.
    """

    family: Family
    model: AbstractDynamics
    planner: AbstractPlanner
    steps: int
    history: int
    noise: float
    candidates: int
    candidate_every: int
    seed: int
    round: int
    risk: float = 0.0

    def __call__(self, tile: Tile) -> list[OnPolicySystem]:
        factors = np.stack([f for _, f in tile])
        words = [np.random.SeedSequence(self.seed, spawn_key=(self.round, n)).generate_state(3) for n, _ in tile]
        simulator = self.family.simulate(factors)
        device = next(self.model.parameters()).device
        states = simulator.reset([int(w[0]) for w in words])
        episodes = run_episodes(
            simulator,
            states,
            folded(self.model.adapt, with_std=self.risk != 0),
            self.planner,
            self.family.objective,
            self.family.state,
            steps=self.steps,
            seeds=[int(w[1]) for w in words],
            history=self.history,
            risk=self.risk,
            support=first_look(self.model, simulator, states),
            factors=torch.from_numpy(factors).float() if self.model.privileged else None,
            noise_std=torch.tensor([self.noise * w[2] / 2**32 for w in words], dtype=torch.float32),
            keep_candidates=self.candidates,
            termination=self.family.termination,
            device=device,
        )
        at = slice(0, self.steps, self.candidate_every)
        if episodes.candidates is None:
            S, A, H = self.family.state.obs_dim, self.family.state.action_dim, self.planner.horizon
            c_obs = np.zeros((len(tile), 0, H + 1, S), np.float32)
            c_action = np.zeros((len(tile), 0, H, A), np.float32)
        else:
            c_obs, c_action = simulate_candidates(simulator, episodes.state[:, :-1][:, at], episodes.candidates[:, at])
        c_length = lengths(self.family.termination, c_obs, c_action).numpy().astype(np.int32)
        length = episodes.length.astype(np.int32)[:, None]
        obs, action = episodes.obs[:, None], episodes.action[:, None]
        decided = np.arange(self.steps)[at].repeat(self.candidates)
        found = []
        for b, (n, f) in enumerate(tile):
            own = slice(None) if episodes.candidates is None else decided < length[b]  # not of an episode that is over
            considered = c_obs[b][own], c_action[b][own], length[b], c_length[b][own]
            found.append(OnPolicySystem(n, f, obs[b], action[b], *considered, float(episodes.returns[b])))
        return found
