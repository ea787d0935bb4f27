"""The cross-entropy method."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

import torch

from hyperdyn.planning import checks
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.elites import best, decide, inject, into_box, refit, start, unwrapped
from hyperdyn.planning.noise import ar1_factor, correlated, uniform
from hyperdyn.types import CostFn, Plan


@final
class CEM(AbstractPlanner):
    """Cross-entropy method over action sequences (Rubinstein 1999), with noise correlated in time.

    u_n = clamp(mean + std * e_n),  e_n ~ AR(1);   mean, std <- those of the M best u_n

    horizon: steps H that a candidate looks ahead.
    candidates, iterations: N sequences are scored, this many times.
    elites: M best that the Gaussian is refitted to.
    keep: elites that stand among the next candidates, of the next iteration and of the next decision; with 1 or more
        the best cost never rises from one iteration to the next.
    std, min_std: spread at the start and floor of it afterwards, in the units of an action.
    correlation: AR(1) coefficient of the noise from one step to the next.
    momentum: how much of the old mean and std survives a refit.
    execute: "mean" of the elites, or the "best" candidate.
    explore: share of the first iteration's candidates that are uniform in the box, so that none of several good plans
        that lie apart is left out; the last ones of them.
    periodic: entries of an action that go round, -1 being the same as 1: directions. None is none.

        >>> import torch, hyperdyn
        >>> def cost(actions):  # [B,N,H,A] to [B,N]: how far each action is from 0.5
        ...     return (actions - 0.5).square().sum((2, 3))
        >>> planner = hyperdyn.CEM(horizon=4, iterations=10)
        >>> plan = planner.plan(cost, action_dim=1, generators=[torch.Generator().manual_seed(0)])
        >>> plan.actions.shape, bool((plan.actions - 0.5).abs().max() < 0.1)
        (torch.Size([1, 4, 1]), True)
    """

    def __init__(
        self,
        *,
        horizon: int = 16,
        candidates: int = 150,
        iterations: int = 3,
        elites: int = 15,
        keep: int = 5,
        std: float = 0.5,
        min_std: float = 0.05,
        correlation: float = 0.6,
        momentum: float = 0.0,
        execute: str = "mean",
        explore: float = 0.0,
        periodic: Sequence[int] | None = None,
    ) -> None:
        checks.at_least(1, horizon=horizon, candidates=candidates, iterations=iterations, elites=elites)
        checks.at_least(0, keep=keep, min_std=min_std)
        checks.above(0, std=std)
        checks.at_most(candidates, "candidates", elites=elites)
        checks.at_most(elites, "elites", keep=keep)
        checks.fraction(correlation=correlation, momentum=momentum)
        checks.share(explore=explore)
        checks.at_least(0, periodic=min(periodic or [0]))
        checks.choice(("mean", "best"), execute=execute)
        self.horizon = horizon
        self.candidates = candidates
        self.iterations = iterations
        self.elites = elites
        self.keep = keep
        self.std = std
        self.min_std = min_std
        self.correlation = correlation
        self.momentum = momentum
        self.execute = execute
        self.explore = explore
        self.periodic = tuple(periodic or ())

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
        std = torch.full_like(mean, self.std)
        first = N - round(self.explore * N)
        for i, e in enumerate(noise.split(N, dim=2)):
            candidates = into_box(torch.addcmul(mean, std, e), self.periodic)  # [B,H,N,A]
            if i == 0:
                candidates[:, :, first:] = uniform(e[:, :, first:])
            inject(candidates, elite, self.keep)
            elite, elite_cost = best(candidates, checks.finite_cost(cost, candidates), self.elites)
            around, mean = (unwrapped(x, elite[:, :, :1], self.periodic) for x in (elite, mean))
            mean, std = refit(around, elite_cost, mean, std, self.momentum)
            mean, std = into_box(mean, self.periodic), std.clamp_(min=self.min_std)
        return decide(self.execute, mean, elite, elite_cost)
