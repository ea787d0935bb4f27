"""Methods are compared on the same task, under a floor and a ceiling."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperdyn.envs.spec import Family
from hyperdyn.evaluate import planning
from hyperdyn.evaluate.planning import Task, compare, planning_return, random_return, simulator_return, total_returns
from hyperdyn.planning.cem import CEM


def task(family: Family, systems: int = 3, **changes: Any) -> Task:
    factors = family.draw("interpolation", systems, 0)
    planner = CEM(horizon=4, candidates=16, iterations=2, elites=4, keep=1)
    return Task(family, factors, list(range(systems)), planner, **{"steps": 6, **changes})


def test_knowing_the_truth_plans_as_well_as_the_simulator_and_better_than_chance(
    point_mass: Family, point_mass_truth: Any
) -> None:
    own = total_returns(planning_return(task(point_mass), point_mass_truth))
    ceiling = simulator_return(task(point_mass))
    np.testing.assert_allclose(own, ceiling, rtol=1e-4)
    assert (random_return(task(point_mass)) < ceiling).all()


def test_a_systems_return_does_not_depend_on_who_else_is_evaluated(
    point_mass: Family, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = simulator_return(task(point_mass, 5))
    monkeypatch.setattr(planning, "TILE", 2)
    np.testing.assert_allclose(simulator_return(task(point_mass, 5)), whole)
    shares = [simulator_return(task(point_mass, 5).share(rank, 2)) for rank in range(2)]
    merged = np.empty(5)
    merged[0::2], merged[1::2] = shares
    np.testing.assert_allclose(merged, whole)


def test_history_is_as_long_as_asked(point_mass: Family, point_mass_truth: Any) -> None:
    planning_return(task(point_mass), point_mass_truth, history=3)
    assert set(point_mass_truth.seen) == {3}


def test_the_ceiling_is_computed_once(point_mass: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = simulator_return(task(point_mass), tmp_path)

    def never(*args: object, **kwargs: object) -> None:
        raise AssertionError("planned again")

    monkeypatch.setattr(planning, "planning_return", never)
    np.testing.assert_array_equal(simulator_return(task(point_mass), tmp_path), first)
    with pytest.raises(AssertionError, match="planned again"):
        simulator_return(task(point_mass, steps=7), tmp_path)


def test_the_key_of_a_task_names_all_that_matters(point_mass: Family) -> None:
    base = task(point_mass)
    others = [
        task(point_mass, 2),
        replace(base, steps=7),
        replace(base, starts=[0, 1, 3]),
        replace(base, factors=base.factors * 1.01),
        replace(base, planner=CEM(horizon=4, candidates=16, iterations=2, elites=4, keep=1, correlation=0.5)),
        replace(base, family=replace(point_mass, env_kwargs={"frame_skip": 2})),
    ]
    keys = {base.key, *(other.key for other in others)}
    assert len(keys) == 1 + len(others)
    assert task(point_mass).key == base.key


def test_compare_scores_every_model_between_floor_and_ceiling(point_mass: Family, point_mass_truth: Any) -> None:
    scores = compare(task(point_mass), {"oracle": point_mass_truth}, split="interpolation", seed=2, progress=False)
    assert [(s.method, s.seed, s.history) for s in scores] == [("oracle", 2, 16), ("random", 0, 0), ("simulator", 0, 0)]
    assert all(len(s.per_system) == 3 for s in scores)
    assert len({s.planner for s in scores}) == 1
