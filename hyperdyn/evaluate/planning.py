"""How well a method plans: the return of acting through its experts, beside a floor and a ceiling."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from hyperdyn.envs.simulator import AbstractSimulator, HasCameras
from hyperdyn.evaluate.cache import OutcomeCache
from hyperdyn.evaluate.outcome import Outcome
from hyperdyn.evaluate.results import CEILING, FLOOR, PlanningScore
from hyperdyn.evaluate.task import Doubles, Task
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.models.folded import folded
from hyperdyn.models.simulator import SimulatorExpert
from hyperdyn.planning.control import Adapt, Episodes, random_actions, run_episodes
from hyperdyn.progress import Meter
from hyperdyn.types import Context
from hyperdyn.views import joined
from hyperdyn.workers import run_jobs

TILE = 6
"""Systems planned for at once on a CPU: no slower than a large batch, and enough tiles to share and to count."""
SIMULATED = 1
"""With the simulator itself: it gains nothing from company, and one whose episode has ended costs nothing more."""


@dataclass(frozen=True)
class _Job:
    """Plan in some systems of a task, given by their numbers."""

    task: Task
    model: AbstractDynamics | None
    history: int
    foresee: bool = False

    def __call__(self, numbers: Sequence[int]) -> tuple[Sequence[int], Episodes]:
        task, model = self.task, self.model
        factors, starts = np.asarray(task.factors)[list(numbers)], [int(task.starts[i]) for i in numbers]
        simulator = task.family.simulate(factors)
        risk, particles = (0.0, 0) if model is None else (task.risk, task.particles)
        adapt, device = _adapt(model, SimulatorExpert(simulator), with_std=risk != 0 or particles > 0)
        states = simulator.reset(starts)
        episodes = run_episodes(
            simulator,
            states,
            adapt,
            task.planner,
            task.family.objective,
            task.family.state,
            steps=task.steps,
            seeds=starts,
            history=self.history,
            risk=risk,
            particles=particles,
            replan=task.replan,
            support=_known_before(model, task, simulator, numbers, states),
            factors=torch.as_tensor(factors, dtype=torch.float32) if model is not None and model.privileged else None,
            foresee=self.foresee,
            tile=None,
            termination=task.family.termination,
            device=device,
        )
        return numbers, episodes


def _known_before(
    model: AbstractDynamics | None, task: Task, simulator: AbstractSimulator, numbers: Sequence[int], states: Doubles
) -> Context | None:
    """Earlier transitions of these systems of a task and a first look at them; None if there is neither."""
    look = first_look(model, simulator, states)
    if model is None or task.earlier is None:
        return look
    rows = list(numbers)
    known = task.earlier.context(np.asarray(task.factors)[rows], [int(task.starts[i]) for i in rows])
    return known if look is None else replace(known, views=look.views)


def first_look(model: AbstractDynamics | None, simulator: AbstractSimulator, states: Doubles) -> Context | None:
    """What a method that looks sees before its first decision, and goes on remembering; None for any other."""
    if model is None or not model.looks or not isinstance(simulator, HasCameras):
        return None
    seen = joined([simulator.views(i, state) for i, state in enumerate(states)])
    return replace(Context.empty(len(states), model.spec), views=seen)


def planning_episodes(
    task: Task,
    model: AbstractDynamics | None = None,
    *,
    history: int = 16,
    workers: int = 0,
    progress: str | None = None,
    foresee: bool = False,
) -> list[Episodes]:
    """Episodes of a model under the task's planner, tile by tile in order; of the simulator itself for None.

    history: last K transitions of the episode that the model adapts from.
    workers: processes that share the tiles; 0 is this one. On a GPU it is this one.
    progress: title of a progress bar; None shows none.
    foresee: also what each step was expected to lead to.
    """
    numbers = range(len(task.starts))
    found = {n[0]: e for n, e in _tiles(task, model, numbers, history, workers, progress, foresee)}
    return [found[first] for first in sorted(found)]


def _tiles(
    task: Task,
    model: AbstractDynamics | None,
    systems: Sequence[int],
    history: int,
    workers: int,
    progress: str | None,
    foresee: bool = False,
) -> Iterator[tuple[Sequence[int], Episodes]]:
    """Episodes of these systems of a task with their numbers, a tile at a time, as they finish."""
    on_cpu = model is None or next(model.parameters()).device.type == "cpu"
    share = math.ceil(len(systems) / max(1, workers))  # so that no worker idles while another holds two tiles
    size = max(1, min(TILE if model else SIMULATED, share) if on_cpu else len(systems))
    tiles = [systems[i : i + size] for i in range(0, len(systems), size)]
    with (
        Meter(progress or "", len(tiles), "decisions", enabled=progress is not None) as bar,
        closing(run_jobs(_Job(task, model, history, foresee), tiles, workers if on_cpu else 0)) as results,
    ):
        for numbers, episodes in results:
            yield numbers, episodes
            bar.advance(len(numbers) * task.steps)


def random_outcome(task: Task) -> Outcome:
    """The floor: uniform actions."""
    simulator = task.family.simulate(np.asarray(task.factors))
    starts = [int(s) for s in task.starts]
    states, of = simulator.reset(starts), task.family
    episodes = random_actions(
        simulator, states, of.objective, of.state, steps=task.steps, seeds=starts, termination=of.termination
    )
    return Outcome.of(task, [episodes])


def simulator_outcome(
    task: Task, cache: Path | str | None = None, *, workers: int = 0, progress: str | None = None
) -> Outcome:
    """The ceiling: planning with the simulator itself, which takes minutes.

    cache: a folder that keeps what came of each system, so that nothing is computed twice, and an interrupted call
        continues; None keeps nothing.
    """
    keys, store = task.system_keys, None if cache is None else _cache(task, cache)
    known = {} if store is None else store.read()
    missing = [i for i, key in enumerate(keys) if key not in known]
    if missing:
        for numbers, episodes in _tiles(task, None, missing, 0, workers, progress):
            new = dict(zip((keys[i] for i in numbers), Outcome.of(task, [episodes]).rows, strict=True))
            known |= new
            if store is not None:
                store.add(new)
    return Outcome.join([known[key] for key in keys])


def cached_simulator_outcome(task: Task, cache: Path | str | None) -> Outcome | None:
    """What `simulator_outcome` kept, if it kept all systems of this task."""
    known = {} if cache is None else _cache(task, cache).read()
    keys = task.system_keys
    return Outcome.join([known[key] for key in keys]) if all(key in known for key in keys) else None


def _cache(task: Task, folder: Path | str) -> OutcomeCache:
    return OutcomeCache(Path(folder) / f"simulator-{task.file_stem}.json")


def floor(task: Task, split: str) -> PlanningScore:
    """The score of random actions."""
    return random_outcome(task).score(task, FLOOR, split, 0, 0)


def ceiling(task: Task, split: str, cache: Path | str | None = None, *, workers: int = 0) -> PlanningScore:
    """The score of `simulator_outcome`, whose cache it takes, with a bar of the split's name."""
    found = simulator_outcome(task, cache, workers=workers, progress=f"plan with the simulator, {split}")
    return found.score(task, CEILING, split, 0, 0)


def seconds_per_decision(episodes: Sequence[Episodes]) -> float:
    """Median time of adapting and planning for one system, within a tile [s]."""
    return float(np.median(np.concatenate([e.seconds / len(e.obs) for e in episodes])))


def _adapt(model: AbstractDynamics | None, simulator: SimulatorExpert, with_std: bool) -> tuple[Adapt, Any]:
    if model is None:
        return (lambda context: simulator), "cpu"
    model.eval()
    return folded(model.adapt, with_std=with_std), next(model.parameters()).device
