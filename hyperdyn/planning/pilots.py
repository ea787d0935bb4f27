"""Who decides in a closed loop: adapt, plan, remember the plan, for some of the systems or for all."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.cost import trajectory_cost
from hyperdyn.types import Context, Expert, Objective, Plan, StateSpec

Adapt = Callable[[Context], Expert]


@final
class Pilot:
    """Decides for one tile of systems and remembers their last plan."""

    def __init__(
        self,
        adapt: Adapt,
        planner: AbstractPlanner,
        objective: Objective,
        spec: StateSpec,
        seeds: Sequence[int],
        device: torch.device | str,
        risk: float,
        particles: int,
        replan: int,
    ) -> None:
        self._risk, self._particles, self._replan = risk, particles, replan
        self._adapt, self._planner, self._objective, self._spec = adapt, planner, objective, spec
        self._device = torch.device(device)
        self._generators = [torch.Generator(self._device).manual_seed(int(s)) for s in seeds]
        self._last: Plan | None = None

    def decide(self, context: Context, obs: Tensor) -> Plan:
        self._expert = self._adapt(context.to(self._device))
        cost = trajectory_cost(self._expert, obs.to(self._device), self._objective, self._risk, self._particles)
        warm = None if self._last is None else self._last.shift(self._replan)
        self._last = self._planner.plan(cost, self._spec.action_dim, self._generators, warm)
        return self._last

    def foresee(self, obs: Tensor, action: Tensor) -> Tensor:
        """What follows [B,S] of one action [B,A], as the last decision's expert has it."""
        state = self._expert.start(obs.to(self._device)[:, None])
        return self._expert.step(state, action.to(self._device)[:, None]).next_obs[:, 0]


@final
class Crew:
    """The pilots of all systems, each of the rows of its own cut, and their plans side by side.

    replan: steps that are executed of a plan before the next decision.
    """

    def __init__(self, pilots: Sequence[Pilot], cuts: Sequence[slice], replan: int) -> None:
        self._pilots, self._cuts, self._replan = pilots, cuts, replan
        self._plans: dict[int, Plan] = {}

    def due(self, t: int, wanted: Tensor) -> list[int]:
        """Which pilots decide at step t: those with a system in their cut for which that is wanted, [B] bool."""
        if t % self._replan:
            return []
        return [i for i, rows in enumerate(self._cuts) if wanted[rows].any()]

    def decide(self, due: Sequence[int], context: Context, obs: Tensor) -> None:
        for i in due:
            self._plans[i] = self._pilots[i].decide(context.part(self._cuts[i]), obs[self._cuts[i]])

    def action(self, t: int) -> Tensor:
        """What to do at step t, [B,A]."""
        return torch.cat([plan.actions[:, t % self._replan] for plan in self._plans.values()]).cpu()

    def candidates(self, count: int) -> Tensor:
        """The best `count` candidates of the last decision, [B,M,H,A].

        Raises:
            ConfigError: the planner returns fewer.
        """
        return torch.cat([_kept(plan, count) for plan in self._plans.values()]).cpu()

    def foresee(self, obs: Tensor, action: Tensor) -> Tensor:
        """What is expected to follow, [B,S]."""
        seen = [p.foresee(obs[rows], action[rows]) for p, rows in zip(self._pilots, self._cuts, strict=True)]
        return torch.cat(seen).cpu()


def _kept(plan: Plan, count: int) -> Tensor:
    found = plan.elites.shape[1]
    if count > found:
        raise ConfigError(
            "this planner returns fewer candidates than are to be kept", got=count, expected=f"<= elites = {found}"
        )
    return plan.elites[:, :count]
