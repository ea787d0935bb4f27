"""Methods are compared on the same task, under a floor and a ceiling."""

import importlib
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from omegaconf import OmegaConf

from hyperdyn import build
from hyperdyn.envs import pendulum
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate import planning
from hyperdyn.evaluate.outcome import Outcome
from hyperdyn.evaluate.planning import planning_episodes, random_outcome, simulator_outcome
from hyperdyn.evaluate.task import Task
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.models.cadm import CaDM
from hyperdyn.models.hyper_probabilistic import HyperProbabilistic
from hyperdyn.nn.encoders.information import InformationEncoder
from hyperdyn.planning.cem import CEM


def task(family: Family, systems: int = 3, **changes: Any) -> Task:
    factors = family.draw("interpolation", systems, 0)
    planner = changes.pop("planner", CEM(horizon=4, candidates=16, iterations=2, elites=4, keep=1))
    return Task(family, factors, list(range(systems)), planner, **{"steps": 6, **changes})


def test_knowing_the_truth_plans_as_well_as_the_simulator_and_better_than_chance(
    point_mass: Family, point_mass_truth: Any
) -> None:
    own = Outcome.of(task(point_mass), planning_episodes(task(point_mass), point_mass_truth)).returns
    ceiling = simulator_outcome(task(point_mass)).returns
    np.testing.assert_allclose(own, ceiling, rtol=1e-4)
    assert (random_outcome(task(point_mass)).returns < ceiling).all()


def test_a_systems_return_does_not_depend_on_who_else_is_evaluated(
    point_mass: Family, point_mass_truth: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = task(point_mass, 5)
    together = Outcome.of(judged, planning_episodes(judged, point_mass_truth)).returns
    monkeypatch.setattr(planning, "TILE", 2)
    np.testing.assert_allclose(Outcome.of(judged, planning_episodes(judged, point_mass_truth)).returns, together)
    whole = simulator_outcome(judged).returns
    np.testing.assert_allclose(whole, together, rtol=1e-4)
    shares = [simulator_outcome(task(point_mass, 5).share(rank, 2)).returns for rank in range(2)]
    merged = np.empty(5)
    merged[0::2], merged[1::2] = shares
    np.testing.assert_allclose(merged, whole)


@pytest.mark.parametrize("uncertain", [HyperProbabilistic, CaDM])
def test_what_is_uncertain_may_be_sampled_by_a_model_and_is_refused_where_nothing_is_known(
    uncertain: Callable[..., AbstractDynamics], point_mass: Family, point_mass_truth: Any
) -> None:
    torch.manual_seed(0)
    encoder = partial(InformationEncoder, latent_dim=4, hidden_dim=8)
    model = uncertain(point_mass.state, encoder, hidden=(4,))
    family = replace(point_mass, objective=lambda obs, action, next_obs: near(next_obs).float())
    alone, few, many = (planning_episodes(task(family, particles=P), model)[0].action for P in (0, 2, 8))
    assert not np.array_equal(alone, few)
    assert not np.array_equal(few, many)
    with pytest.raises(ConfigError, match="gives no std"):
        planning_episodes(task(point_mass, particles=8), point_mass_truth)
    assert simulator_outcome(task(point_mass, particles=8)).returns.shape == (3,)


def test_history_is_as_long_as_asked(point_mass: Family, point_mass_truth: Any) -> None:
    planning_episodes(task(point_mass), point_mass_truth, history=3)
    assert set(point_mass_truth.seen) == {3}


def test_the_ceiling_of_a_system_is_computed_once(
    point_mass: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    planned: list[int] = []
    tiles = planning._tiles

    def counted(task: Task, model: None, systems: Sequence[int], *rest: Any) -> Any:
        planned.extend(systems)
        return tiles(task, model, systems, *rest)

    monkeypatch.setattr(planning, "_tiles", counted)
    assert planning.cached_simulator_outcome(task(point_mass), tmp_path) is None
    first = simulator_outcome(task(point_mass), tmp_path).returns
    more = simulator_outcome(task(point_mass, 5), tmp_path).returns
    assert planned == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(more[:3], first)
    np.testing.assert_array_equal(simulator_outcome(task(point_mass).share(1, 2), tmp_path).returns, first[1::2])
    np.testing.assert_array_equal(planning.cached_simulator_outcome(task(point_mass), tmp_path).returns, first)
    assert planned == [0, 1, 2, 3, 4]
    simulator_outcome(task(point_mass, steps=7), tmp_path)
    assert planned == [0, 1, 2, 3, 4, 0, 1, 2]


def test_nothing_is_simulated_for_a_system_whose_episode_has_ended(point_mass: Family) -> None:
    ends = replace(point_mass, termination=lambda obs, action, next_obs: next_obs[..., 0].abs() > 1.0)
    played = planning_episodes(task(ends, 5, steps=12))
    lasted = [int(episodes.length[0]) for episodes in played]
    assert min(lasted) < max(lasted)
    assert [len(episodes.seconds) for episodes in played] == lasted  # decisions


def test_an_interrupted_ceiling_continues(point_mass: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole, job = simulator_outcome(task(point_mass, 5)).returns, planning._Job.__call__

    def interrupted(self: Any, numbers: Sequence[int]) -> Any:
        if numbers[0] == 2:
            raise KeyboardInterrupt
        return job(self, numbers)

    monkeypatch.setattr(planning._Job, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulator_outcome(task(point_mass, 5), tmp_path)
    seen: list[int] = []
    monkeypatch.setattr(planning._Job, "__call__", lambda self, numbers: seen.extend(numbers) or job(self, numbers))
    np.testing.assert_allclose(simulator_outcome(task(point_mass, 5), tmp_path).returns, whole)
    assert seen == [2, 3, 4]


def test_the_key_of_a_task_names_all_that_matters(point_mass: Family) -> None:
    base = task(point_mass)
    others = [
        replace(base, steps=7),
        replace(base, planner=CEM(horizon=4, candidates=16, iterations=2, elites=4, keep=1, correlation=0.5)),
        replace(base, family=replace(point_mass, env_kwargs={"frame_skip": 2})),
    ]
    assert len({base.key, *(other.key for other in others)}) == 1 + len(others)
    assert task(point_mass).key == base.key
    systems = [base, replace(base, starts=[3, 4, 5]), replace(base, factors=base.factors * 1.01)]
    assert len({key for t in systems for key in t.system_keys}) == 9


def test_families_that_differ_in_what_is_observed_alone_share_a_ceiling_and_no_others_do(
    point_mass: Family, tmp_path: Path
) -> None:
    plain = replace(point_mass, env_kwargs={"drag": 1}, success=near, observed_only=("outline",))
    shown = replace(plain, name="shown", env_kwargs={"drag": 1, "outline": True})
    base = task(plain)
    assert task(shown).key == base.key
    first = simulator_outcome(base, tmp_path).returns
    np.testing.assert_array_equal(planning.cached_simulator_outcome(task(shown), tmp_path).returns, first)
    others = [
        replace(shown, env_kwargs={"drag": 2, "outline": True}),
        replace(shown, env_id="another"),
        replace(shown, dt=0.2),
        replace(shown, factors=dict(reversed(shown.factors.items()))),
        replace(shown, objective=partial(shown.objective)),
        replace(shown, success=partial(near, within=0.4)),
        replace(shown, success=partial(near, within=0.5)),
        replace(shown, success=lambda obs: near(obs)),
        replace(shown, success=lambda obs: ~near(obs)),
        replace(shown, termination=near),
        replace(shown, simulator=partial(shown.simulator)),
        replace(shown, builder=dict),
        replace(shown, observed_only=()),
        replace(plain, observed_only=()),
    ]
    tasks = [base, *map(task, others), task(shown, steps=7), task(shown, replan=2)]
    tasks += [task(shown, planner=CEM(horizon=5, candidates=16, iterations=2, elites=4, keep=1))]
    tasks += [task(shown, setting={"drag": 3})]
    assert len({t.key for t in tasks}) == len({t.file_stem for t in tasks}) == len(tasks)


CEILINGS = {
    "ant_cripple": "4493cc20c356279b",
    "ant_slope": "797102752306eafa",
    "cheetah_cripple": "cdd1ceaf6e76ad14",
    "cheetah_mass": "f4d1cf0b6aa3bd09",
    "cheetah_mix": "712a2026c6555414",
    "cheetah_pier": "3a501c6d71c25e2f",
    "cheetah_slope": "9c4420597c98930e",
    "pendulum": "0df13c7e3253f638",
    "pushing": "20a23ef432da4ebc",
    "pushing_outline": "20a23ef432da4ebc",
}
"""Under what the ceilings of families that come with the package were computed."""


@pytest.mark.parametrize("name", CEILINGS)
def test_the_ceilings_of_packaged_families_stay_known(name: str) -> None:
    family = build.family(OmegaConf.load(Path(__file__).parents[2] / "conf" / "env" / f"{name}.yaml"))
    assert task(family, 1).key.startswith(CEILINGS[name])


OWN = """import gymnasium

class Env(gymnasium.Env):
    "pushed"

gymnasium.register("own/Env-v0", entry_point="own:Env")
{reward}

def success(obs):
    return obs[..., 0] > 0
"""
REWARDS = [
    "def objective(obs, action, next_obs):\n    return -next_obs[..., 0] ** 2",
    "def objective(obs, action, next_obs):\n    return -abs(next_obs[..., 0])",
    "SCALE = 2\ndef objective(obs, action, next_obs):\n    return -SCALE * next_obs[..., 0] ** 2",
    "SCALE = 30\ndef objective(obs, action, next_obs):\n    return -SCALE * next_obs[..., 0] ** 2",
]


@pytest.mark.parametrize("observed", [(), ("outline",)])
def test_the_ceiling_of_a_familys_own_reward_is_of_that_reward_alone(
    observed: tuple[str, ...], point_mass: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where its name stays; and a return alone is no outcome where success is asked for."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    registry = dict(gymnasium.registry)
    monkeypatch.setattr(gymnasium.envs.registration, "registry", registry)
    ours = replace(
        point_mass,
        env_id="hyperdyn.envs:hyperdyn/Pendulum-v0",
        objective=pendulum.objective,
        simulator=pendulum.PendulumSimulator,
        observed_only=observed,
    )

    def keys(reward: str) -> list[str]:
        (tmp_path / "own.py").write_text(OWN.format(reward=reward))
        monkeypatch.delitem(sys.modules, "own", raising=False)
        registry.pop("own/Env-v0", None)
        own = importlib.import_module("own")
        changed = [
            replace(ours, objective=own.objective),
            replace(ours, objective=own.objective, success=own.success),
            replace(ours, success=own.success),
            replace(ours, termination=own.objective),
            replace(ours, simulator=own.Env),
            replace(ours, simulator=partial(pendulum.PendulumSimulator, own.Env)),
            replace(ours, simulator=partial(pendulum.PendulumSimulator, env=own.Env)),
            replace(ours, env_id="own:own/Env-v0"),
        ]
        assert [task(f).key for f in changed] == [task(f).key for f in changed]
        return [task(f).key for f in changed]

    found = [key for reward in REWARDS for key in keys(reward)]
    assert len(set(found)) == len(found)
    assert keys(REWARDS[0]) == found[:8]


def test_a_damaged_cache_is_computed_anew(point_mass: Family, tmp_path: Path) -> None:
    first = simulator_outcome(task(point_mass), tmp_path).returns
    (file,) = tmp_path.glob("*.json")
    file.write_text("{")
    np.testing.assert_array_equal(simulator_outcome(task(point_mass), tmp_path).returns, first)


def test_the_floor_and_the_ceiling_are_scores_of_nobody_s_knowledge(point_mass: Family) -> None:
    judged = task(point_mass)
    scores = [planning.floor(judged, "interpolation"), planning.ceiling(judged.first(2), "interpolation")]
    assert [(s.method, s.seed, s.history, s.support) for s in scores] == [("random", 0, 0, 0), ("simulator", 0, 0, 0)]
    assert [s.planner for s in scores] == [judged.how] * 2
    whole = simulator_outcome(judged).returns
    np.testing.assert_array_equal(scores[1].per_system, whole[:2])
    assert all(best > least for best, least in zip(scores[1].per_system, scores[0].per_system[:2], strict=True))


def near(obs: torch.Tensor, within: float = 0.4) -> torch.Tensor:
    """Whether a point mass is near the origin."""
    return obs[..., :2].norm(dim=-1) < within


def test_success_is_getting_there_at_any_step_and_is_kept_with_the_ceiling(point_mass: Family, tmp_path: Path) -> None:
    judged = task(replace(point_mass, success=near), 5, steps=12)
    played = planning_episodes(judged)
    outcome = Outcome.of(judged, played)
    there = np.concatenate([np.linalg.norm(e.obs[:, 1:, :2], axis=-1) < 0.4 for e in played])
    np.testing.assert_array_equal(outcome.success, there.any(1))
    assert 0 < there.any(1).mean() < 1
    assert 0 < there.mean() < there.any(1).mean()
    cut = [replace(e, length=at[None]) for e, at in zip(played, there.argmax(1), strict=True)]  # before the first time
    np.testing.assert_array_equal(Outcome.of(judged, cut).success, 0)
    for found in (simulator_outcome(judged, tmp_path), planning.cached_simulator_outcome(judged, tmp_path)):
        np.testing.assert_array_equal(found.success, outcome.success)
    score = outcome.score(judged, "simulator", "interpolation", 0, 0)
    assert score.success == tuple(map(float, outcome.success))
    assert outcome.score(task(point_mass, 5, steps=12), "m", "s", 0, 0).planner == score.planner
    assert simulator_outcome(task(point_mass)).success is None
