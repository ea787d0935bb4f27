"""Improved cross-entropy method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch

from hyperdyn.planning import checks
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.elites import best, decide, inject, refit, start
from hyperdyn.planning.noise import coloured_factor, correlated
from hyperdyn.types import CostFn, Plan


@final
class ICEM(AbstractPlanner):
    """iCEM (Pinneri et al. 2020): coloured noise, a shrinking population, elites that stay, the best is executed.

    As CEM, but with noise of spectrum frequency^-beta, N_i = max(N decay^-i, 2 M) candidates in iteration i, and the
    mean itself among the candidates of the last one.

    horizon: steps H that a candidate looks ahead.
    candidates, iterations, decay: sequences scored in the first iteration, and how fast they become fewer.
    elites: M best that the Gaussian is refitted to.
    keep: of those, how many stand among the next candidates, of the next iteration and of the next decision.
    std, min_std: spread at the start and floor of it afterwards, in the units of an action.
    beta: exponent of the noise's spectrum; 0 is white.
    momentum: how much of the old mean and std survives a refit.
    execute: the "best" candidate, or the "mean" of the elites.

        >>> import torch, hyperdyn
        >>> def cost(actions):  # [B,N,H,A] to [B,N]
        ...     return actions.square().sum((2, 3))
        >>> planner = hyperdyn.ICEM(horizon=4)
        >>> planner.plan(cost, action_dim=2, generators=[torch.Generator().manual_seed(0)]).actions.shape
        torch.Size([1, 4, 2])
    """

    def __init__(
        self,
        *,
        horizon: int = 16,
        candidates: int = 190,
        iterations: int = 3,
        decay: float = 1.25,
        elites: int = 15,
        keep: int = 5,
        std: float = 0.5,
        min_std: float = 0.05,
        beta: float = 2.0,
        momentum: float = 0.1,
        execute: str = "best",
    ) -> None:
        checks.at_least(1, horizon=horizon, candidates=candidates, iterations=iterations, decay=decay, elites=elites)
        checks.at_least(0, keep=keep, min_std=min_std, beta=beta)
        checks.above(0, std=std)
        checks.at_most(candidates // 2, "half the candidates", elites=elites)
        checks.at_most(elites, "elites", keep=keep)
        checks.fraction(momentum=momentum)
        checks.choice(("mean", "best"), execute=execute)
        self.horizon = horizon
        self.population = [max(int(candidates * decay**-i), 2 * elites) for i in range(iterations)]
        self.elites = elites
        self.keep = keep
        self.std = std
        self.min_std = min_std
        self.beta = beta
        self.momentum = momentum
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
        B, H = len(generators), self.horizon
        checks.fits(warm, B, H, action_dim)
        noise = correlated(coloured_factor(H, self.beta), generators, sum(self.population), action_dim)
        mean, elite = start(warm, B, H, action_dim, noise.device)
        std = torch.full_like(mean, self.std)
        for i, e in enumerate(noise.split(self.population, dim=2), start=1):
            candidates = torch.addcmul(mean, std, e).clamp_(-1, 1)  # [B,H,N,A]
            inject(candidates, elite, self.keep)
            if i == len(self.population):
                candidates[:, :, -1:] = mean
            elite, elite_cost = best(candidates, checks.finite_cost(cost, candidates), self.elites)
            mean, std = refit(elite, elite_cost, mean, std, self.momentum)
            std = std.clamp_(min=self.min_std)
        return decide(self.execute, mean, elite, elite_cost)
