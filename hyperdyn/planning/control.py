"""The closed loop: history, adapt, plan, act. One function for the command line, the callbacks and the tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import final

import numpy as np
import torch
from torch import Tensor

from hyperdyn.envs.simulator import AbstractSimulator
from hyperdyn.envs.termination import Termination, ending
from hyperdyn.errors import ConfigError
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.execution import Doubles, Execution
from hyperdyn.planning.execution import Episodes as Episodes
from hyperdyn.planning.history import History
from hyperdyn.planning.pilots import Adapt as Adapt
from hyperdyn.planning.pilots import Crew, Pilot
from hyperdyn.types import Context, Objective, StateSpec


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
    crew = Crew(
        [Pilot(adapt, planner, paid, spec, seeds[c], device, risk, particles, replan) for c in cuts], cuts, replan
    )
    noise = _Noise(seeds, noise_std, spec.action_dim)
    past, log = History(B, history, spec), Execution(simulator, states, objective, termination)
    for t in range(steps):
        obs = torch.from_numpy(log.obs[-1])
        if due := crew.due(t, log.running | bool(keep_candidates)):
            began = time.perf_counter()
            crew.decide(due, past.context(support, factors), obs)
            log.seconds.append(time.perf_counter() - began)
            if keep_candidates:
                log.candidates.append(crew.candidates(keep_candidates).numpy())
        action = noise.added(crew.action(t))
        if foresee:
            log.predicted.append(crew.foresee(obs, action).numpy())
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
    log = Execution(simulator, states, objective, termination)
    for t, action in enumerate(np.stack(draws, axis=1).astype(np.float32)):
        log.step(action)
        if on_step is not None:
            on_step(t + 1)
    return log.episodes()


@final
class _Noise:
    """Gaussian, of standard deviation std [B], added to actions before they are clamped; a generator a system."""

    def __init__(self, seeds: Sequence[int], std: Tensor | None, action_dim: int) -> None:
        self._generators = [np.random.default_rng([s, 1]) for s in seeds]
        self._std, self._action_dim = None if std is None else std.cpu(), action_dim

    def added(self, action: Tensor) -> Tensor:
        """To actions [B,A]."""
        if self._std is None:
            return action
        e = np.stack([rng.standard_normal(self._action_dim, dtype=np.float32) for rng in self._generators])
        return (action + self._std[:, None] * torch.from_numpy(e)).clamp(-1, 1)
