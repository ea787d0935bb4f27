"""Model-predictive path integral control."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch
from torch import Tensor

from hyperdyn.planning import checks
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.elites import best, decide, inject, start, weighted_mean
from hyperdyn.planning.noise import ar1_factor, correlated
from hyperdyn.types import CostFn, Plan


@final
class MPPI(AbstractPlanner):
    """Information-theoretic MPPI (Williams et al. 2017), over a uniform base distribution: no control cost is added.

    u_n = clamp(mean + std * e_n),  w_n = softmax(-cost_n / temperature),  mean <- sum_n w_n u_n

    horizon, candidates, iterations: H steps of N sequences, scored this many times.
    temperature: in units of the cost; the smaller, the fewer candidates count.
    std: of the noise, in the units of an action.
    correlation: AR(1) coefficient of the noise.
    elites, keep: best candidates that are returned, and of those how many stand among the next candidates.
    execute: the weighted "mean", or the "best" candidate.

        >>> import torch, hyperdyn
        >>> def cost(actions):  # [B,N,H,A] to [B,N]
        ...     return actions.square().sum((2, 3))
        >>> planner = hyperdyn.MPPI(horizon=4)
        >>> planner.plan(cost, action_dim=2, generators=[torch.Generator().manual_seed(0)]).actions.shape
        torch.Size([1, 4, 2])
    """

    def __init__(
        self,
        *,
        horizon: int = 16,
        candidates: int = 450,
        iterations: int = 1,
        temperature: float = 1.0,
        std: float = 0.5,
        correlation: float = 0.6,
        elites: int = 15,
        keep: int = 1,
        execute: str = "mean",
    ) -> None:
        checks.at_least(1, horizon=horizon, candidates=candidates, iterations=iterations, elites=elites)
        checks.at_least(0, keep=keep)
        checks.above(0, temperature=temperature, std=std)
        checks.at_most(candidates, "candidates", elites=elites)
        checks.at_most(elites, "elites", keep=keep)
        checks.fraction(correlation=correlation)
        checks.choice(("mean", "best"), execute=execute)
        self.horizon = horizon
        self.candidates = candidates
        self.iterations = iterations
        self.temperature = temperature
        self.std = std
        self.correlation = correlation
        self.elites = elites
        self.keep = keep
        self.execute = execute

    @torch.no_grad()
    def plan(
        self,
        cost: CostFn,
        action_dim: int | None = None,
        generators: Sequence[torch.Generator] | None = None,
        warm: Plan | None = None,
    ) -> Plan:
        action_dim, generators = checks.asked(cost, action_dim, generators)
        B, H, N = len(generators), self.horizon, self.candidates
        checks.fits(warm, B, H, action_dim)
        noise = correlated(ar1_factor(H, self.correlation), generators, self.iterations * N, action_dim)
        mean, elite = start(warm, B, H, action_dim, noise.device)
        for e in noise.split(N, dim=2):
            candidates = torch.add(mean, e, alpha=self.std).clamp_(-1, 1)  # [B,H,N,A]
            inject(candidates, elite, self.keep)
            value = checks.finite_cost(cost, candidates)
            elite, elite_cost = best(candidates, value, self.elites)
            weighted = weighted_mean(candidates, self._weight(value, elite_cost[:, :1]))
            mean = torch.where(elite_cost[:, :1, None, None] < torch.inf, weighted, mean)
        return decide(self.execute, mean, elite, elite_cost)

    def _weight(self, cost: Tensor, lowest: Tensor) -> Tensor:
        """Weights [B,N] that sum to one; not a number where every cost is infinite."""
        return torch.softmax((lowest - cost) / self.temperature, dim=1)
