"""Earlier transitions of a system, and settings other than training's: what they are, and where results say so."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hyperdyn.behaviour.random_uniform import RandomUniform
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate.earlier import Earlier
from hyperdyn.evaluate.outcome import Outcome
from hyperdyn.evaluate.planning import planning_episodes
from hyperdyn.evaluate.results import CEILING, FLOOR, Results
from hyperdyn.evaluate.task import Task, how
from hyperdyn.planning.cem import CEM
from hyperdyn.report.planning_tables import success_tables

PLANNER = CEM(horizon=4, candidates=16, iterations=2, elites=4, keep=1)
STARTS = [5, 6, 7]


def task(family: Family, **changes: Any) -> Task:
    return Task(family, family.draw("interpolation", 3, 0), STARTS, PLANNER, **{"steps": 6, **changes})


def fast(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
    return next_obs[..., 1] > 0.0


def test_they_are_steps_of_the_system_itself_from_another_start(point_mass: Family) -> None:
    factors = point_mass.draw("interpolation", 3, 0)
    context = Earlier(point_mass, 8, RandomUniform()).context(factors, STARTS)
    steps, simulator = context.history, point_mass.simulate(factors)
    assert context.mask.all()
    assert steps.obs.shape == (3, 8, 2)
    true = simulator.rollout(steps.obs[:, :1, :].double().numpy(), steps.action[:, None].double().numpy())[:, 0]
    np.testing.assert_allclose(steps.next_obs, true, atol=1e-5)
    torch.testing.assert_close(steps.obs[:, 1:], steps.next_obs[:, :-1])
    starts = simulator.reset(STARTS)
    assert (np.abs(steps.obs[:, 0].numpy() - starts) > 1e-3).any(1).all()
    assert len(steps.obs[:, 0, 0].unique()) == 3


def test_they_depend_on_the_system_and_its_start_alone(point_mass: Family) -> None:
    factors = point_mass.draw("interpolation", 3, 0)
    whole = Earlier(point_mass, 8, RandomUniform()).context(factors, STARTS)
    part = Earlier(point_mass, 8, RandomUniform()).context(factors[1:2], STARTS[1:2])
    torch.testing.assert_close(part.history.next_obs[0], whole.history.next_obs[1], rtol=0, atol=0)


def test_what_followed_the_end_of_an_episode_is_not_shown(point_mass: Family) -> None:
    ends = replace(point_mass, termination=fast)
    context = Earlier(ends, 8, RandomUniform()).context(point_mass.draw("interpolation", 3, 0), STARTS)
    for row, next_obs in zip(context.mask, context.history.next_obs, strict=True):
        over = fast(next_obs, next_obs, next_obs).nonzero()
        length = 8 if not len(over) else int(over[0]) + 1
        assert row.tolist() == [i < length for i in range(8)]
    assert not context.mask.all()


def test_every_decision_sees_them_before_what_happened(point_mass: Family, point_mass_truth: Any) -> None:
    contexts, adapt = [], point_mass_truth.adapt

    def recorded(context: Any) -> Any:
        contexts.append(context)
        return adapt(context)

    point_mass_truth.adapt = recorded
    asked = task(point_mass, earlier=Earlier(point_mass, 5, RandomUniform()))
    planning_episodes(asked, point_mass_truth, history=2)
    known = asked.earlier.context(asked.factors, STARTS)
    assert len(contexts) == 6
    for context in contexts:
        assert context.mask.shape == (3, 7)
        torch.testing.assert_close(context.history.next_obs[:, :5], known.history.next_obs)


def near(obs: Tensor) -> Tensor:
    return obs[..., :2].norm(dim=-1) < 0.4


def test_results_name_both_and_leave_floor_and_ceiling_alone(point_mass: Family) -> None:
    judged = replace(point_mass, success=near)
    outcome = Outcome(np.zeros(3), np.array([1.0, 0.0, 1.0]))
    asked = [task(judged), *(task(judged, earlier=Earlier(judged, k, RandomUniform())) for k in (1, 5))]
    scores = [outcome.score(t, "m", "interpolation", 0, 0) for t in asked]
    scores.append(outcome.score(asked[2], "m", "interpolation", 2, 0))
    scores += [outcome.score(t, name, "interpolation", 0, 0) for t in asked for name in (FLOOR, CEILING)]
    assert [s.support for s in scores] == [0, 1, 5, 5, *[0] * 6]
    found = Results("point_mass", planning=tuple(scores)).merged(Results("point_mass", planning=tuple(scores)))
    assert len(found.planning) == 6
    (table,) = success_tables(found)
    names = [row[0] for row in table.rows]
    assert names == [FLOOR, "m, K = 0", "m, K = 1 earlier", "m, K = 5 earlier", "m, K = 5 earlier + 2", CEILING]


def test_another_setting_or_behaviour_is_another_way_of_planning(point_mass: Family) -> None:
    family = replace(point_mass, env_kwargs={"obstacles": 0, "arm": "none"})
    base, changed = task(family), task(family, setting={"obstacles": 3})
    assert changed.family.env_kwargs == {"obstacles": 3, "arm": "none"}
    assert changed.share(0, 2).family.env_kwargs == changed.family.env_kwargs
    assert changed.how == base.how + ", obstacles=3" == how(PLANNER, 0.0, 1, {"obstacles": 3})
    assert changed.key != base.key
    assert task(family, particles=8).how == base.how + ", particles=8"
    asked = task(family, earlier=Earlier(family, 1, RandomUniform(), "RandomUniform"))
    assert asked.how == base.how + ", earlier=RandomUniform"
    assert asked.key == base.key  # the ceiling knows nothing of them
    with pytest.raises(ConfigError, match="did you mean 'obstacles'"):
        task(family, setting={"obstacle": 3})


def test_a_command_asks_for_none_or_for_the_behaviour_of_the_family(point_mass: Family) -> None:
    assert Earlier.asked(point_mass, 0) is None
    usual = Earlier.asked(replace(point_mass, behaviour="held_uniform"), 3)
    assert usual is not None
    assert (type(usual.behaviour).__name__, usual.steps, usual.shown) == ("HeldUniform", 3, "")
    other = Earlier.asked(point_mass, 3, {"_target_": "hyperdyn.behaviour.random_uniform.RandomUniform"})
    assert other is not None
    assert other.shown == "RandomUniform"
    with pytest.raises(ConfigError, match="earlier transitions"):
        Earlier.asked(point_mass, -1)
