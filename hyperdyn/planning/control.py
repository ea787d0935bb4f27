"""The closed loop: history, adapt, plan, act. One function for the command line, the callbacks and the tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from hyperdyn.envs.simulator import AbstractSimulator
from hyperdyn.envs.termination import Termination, ending
from hyperdyn.errors import ConfigError
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.cost import trajectory_cost
from hyperdyn.planning.history import History
from hyperdyn.types import Context, Expert, Objective, Plan, StateSpec

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Adapt = Callable[[Context], Expert]


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


@torch.no_grad()
def run_episodes(
    simulator: AbstractSimulator,
    states: Doubles,
    adapt: Adapt,
    planner: AbstractPlanner,
    objective: Objective,
    spec: StateSpec,
    *,
    steps: int,
    seeds: Sequence[int],
    history: int = 16,
    risk: float = 0.0,
    particles: int = 0,
    replan: int = 1,
    support: Context | None = None,
    factors: Tensor | None = None,
    noise_std: Tensor | None = None,
    keep_candidates: int = 0,
    foresee: bool = False,
    tile: int | None = 16,
    termination: Termination | None = None,
    device: torch.device | str = "cpu",
    on_step: Callable[[int], None] | None = None,
) -> Episodes:
    """Act for L = `steps` steps in B systems at once, deciding from what has happened so far.

    states: [B,X] to start from.
    adapt: the context of some of the systems (a tile, in order) to their experts; called at every decision.
    seeds: one per system; they fix its candidates and its noise, whoever else is in the batch.
    history: last K transitions that `adapt` sees, fewer (and masked) while the episode is shorter.
    risk, particles: what a plan makes of what the expert does not know; see `trajectory_cost`.
    replan: steps that are executed of a plan before the next decision: 1 is closed loop, `steps` open loop.
    support: earlier transitions of the same B systems, always seen, in front of the history.
    factors: [B,F] true factors, for a privileged method.
    noise_std: [B] of Gaussian noise added to every action before it is clamped and executed.
    keep_candidates: M candidates of each decision to return, to be simulated as labels.
    foresee: also return what the expert that decided expects of each executed step.
    tile: systems planned for at once; None for all. On a CPU, tiles of 16 are faster than one large batch.
    termination: whether a step ends an episode; neither a plan nor an episode earns anything after it. Once all
        episodes of a tile have ended, nothing more is planned for it, unless candidates are kept.
    device: where models and planner work. The simulator is on the CPU.
    on_step: called after each step with the number of steps done.

        >>> import hyperdyn
        >>> family, model = hyperdyn.family("pendulum"), hyperdyn.load("runs/pendulum-hyper")
        >>> simulator = family.simulate(family.draw("interpolation", 2, 0))
        >>> setting = (hyperdyn.CEM(horizon=8), family.objective, family.state)
        >>> episodes = hyperdyn.run_episodes(
        ...     simulator, simulator.reset([0, 1]), model.adapt, *setting, steps=3, seeds=[0, 1]
        ... )
        >>> episodes.action.shape, episodes.returns.shape
        ((2, 3, 1), (2,))

    Raises:
        ConfigError: a replan beyond the planner's horizon, not one seed per system, more candidates to keep than the
            planner returns, or a risk or particles of experts that give no std.
    """
    B = len(states)
    if not 1 <= replan <= planner.horizon:
        expected = f"from 1 to the planner's horizon, {planner.horizon}"
        raise ConfigError("replan is how many steps of a plan are executed", got=replan, expected=expected)
    if len(seeds) != B:
        raise ConfigError("the closed loop needs one seed per system", got=f"{len(seeds)} seeds", expected=f"{B}")
    cuts = [slice(i, i + (tile or B)) for i in range(0, B, tile or B)]
    paid = ending(objective, termination, dim=1)  # the cost asks for steps [B,H,N]
    pilots = [_Pilot(adapt, planner, paid, spec, seeds[rows], device, risk, particles, replan) for rows in cuts]
    noise = [np.random.default_rng([s, 1]) for s in seeds]
    plans: dict[int, Plan] = {}
    past, log = History(B, history, spec), _Log(simulator, states, objective, termination)
    for t in range(steps):
        obs = torch.from_numpy(log.obs[-1])
        due = [i for i, rows in enumerate(cuts) if t % replan == 0 and (keep_candidates or log.running[rows].any())]
        if due:
            began = time.perf_counter()
            context = past.context(support, factors)
            for i in due:
                plans[i] = pilots[i].decide(context.part(cuts[i]), obs[cuts[i]])
            log.seconds.append(time.perf_counter() - began)
            if keep_candidates:
                kept = [_kept(plan, keep_candidates) for plan in plans.values()]
                log.candidates.append(torch.cat(kept).cpu().numpy())
        action = torch.cat([plan.actions[:, t % replan] for plan in plans.values()]).cpu()
        if noise_std is not None:
            e = np.stack([rng.standard_normal(spec.action_dim, dtype=np.float32) for rng in noise])
            action = (action + noise_std.cpu()[:, None] * torch.from_numpy(e)).clamp(-1, 1)
        if foresee:
            seen = [pilot.foresee(obs[rows], action[rows]) for pilot, rows in zip(pilots, cuts, strict=True)]
            log.predicted.append(torch.cat(seen).cpu().numpy())
        log.step(action.numpy())
        past.append(obs, action, torch.from_numpy(log.obs[-1]))
        if on_step is not None:
            on_step(t + 1)
    return log.episodes()


def random_actions(
    simulator: AbstractSimulator,
    states: Doubles,
    objective: Objective,
    spec: StateSpec,
    *,
    steps: int,
    seeds: Sequence[int],
    termination: Termination | None = None,
    on_step: Callable[[int], None] | None = None,
) -> Episodes:
    """The floor: as `run_episodes`, with uniform actions and no planner. No candidates, no seconds."""
    draws = [np.random.default_rng(s).uniform(-1, 1, (steps, spec.action_dim)) for s in seeds]
    log = _Log(simulator, states, objective, termination)
    for t, action in enumerate(np.stack(draws, axis=1).astype(np.float32)):
        log.step(action)
        if on_step is not None:
            on_step(t + 1)
    return log.episodes()


@final
class _Pilot:
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
class _Log:
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
        reward = self._objective(s, a.double(), s_next) * self.running
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


def _kept(plan: Plan, count: int) -> Tensor:
    found = plan.elites.shape[1]
    if count > found:
        raise ConfigError(
            "this planner returns fewer candidates than are to be kept", got=count, expected=f"<= elites = {found}"
        )
    return plan.elites[:, :count]
