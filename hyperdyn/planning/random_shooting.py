"""Random shooting: the planner of the authors' released code."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch

from hyperdyn.planning import checks
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.elites import best, decide, inject, start
from hyperdyn.planning.noise import ar1_factor, correlated, uniform
from hyperdyn.types import CostFn, Plan


@final
class RandomShooting(AbstractPlanner):
    """The best of N action sequences, each action uniform in the box.

    u_n = 2 Phi(e_n) - 1,  e_n ~ AR(1),  Phi the normal distribution function: uniform whatever the correlation.

    horizon, candidates: H steps of N sequences.
    elites: best sequences that are returned with the plan.
    keep: of the last decision's, how many stand among the candidates of this one.
    correlation: AR(1) coefficient of the noise under the uniform actions; 0 in the released code.

        >>> import torch, hyperdyn
        >>> def cost(actions):  # [B,N,H,A] to [B,N]
        ...     return actions.square().sum((2, 3))
        >>> planner = hyperdyn.RandomShooting(horizon=4)
        >>> planner.plan(cost, action_dim=2, generators=[torch.Generator().manual_seed(0)]).actions.shape
        torch.Size([1, 4, 2])
    """

    def __init__(
        self,
        *,
        horizon: int = 20,
        candidates: int = 500,
        elites: int = 10,
        keep: int = 0,
        correlation: float = 0.0,
    ) -> None:
        checks.at_least(1, horizon=horizon, candidates=candidates, elites=elites)
        checks.at_least(0, keep=keep)
        checks.at_most(candidates, "candidates", elites=elites)
        checks.at_most(elites, "elites", keep=keep)
        checks.fraction(correlation=correlation)
        self.horizon = horizon
        self.candidates = candidates
        self.elites = elites
        self.keep = keep
        self.correlation = correlation

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
        noise = correlated(ar1_factor(H, self.correlation), generators, self.candidates, action_dim)
        candidates = uniform(noise)  # [B,H,N,A]
        mean, elite = start(warm, B, H, action_dim, candidates.device)
        inject(candidates, elite, self.keep)
        return decide("best", mean, *best(candidates, checks.finite_cost(cost, candidates), self.elites))
