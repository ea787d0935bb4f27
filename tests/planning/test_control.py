"""Laws of the closed loop, on point masses whose motion is linear and known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError
from hyperdyn.models.simulator import SimulatorExpert
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.cem import CEM
from hyperdyn.planning.control import Episodes, random_actions, run_episodes
from hyperdyn.types import Context, Expert, Plan, Step, Transitions

FACTORS = np.array([[0.5, 0.2], [1.0, 0.5], [2.0, 0.9]])
DT = 0.1


class PointMass(Expert):
    """The exact law of the point mass (tests/conftest.py), told its factors [B,2]."""

    def __init__(self, factors: Tensor) -> None:
        self.gain, self.drag = factors[:, :1], factors[:, 1:]

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor) -> Step:
        x, v = state.unbind(-1)
        state = torch.stack([x + DT * v, v + DT * (self.gain * action[..., 0] - self.drag * v)], dim=-1)
        return Step(state, state)


class Still(AbstractPlanner):
    """Plans to do nothing."""

    horizon = 4

    def plan(self, cost: Any, action_dim: int, generators: Any, warm: Plan | None = None) -> Plan:
        B = len(generators)
        return Plan(torch.zeros(B, 4, action_dim), torch.zeros(B), torch.zeros(B, 1, 4, action_dim))


class Counting(AbstractPlanner):
    """Plans a different number each time, and remembers what it was given to start from."""

    horizon = 3

    def __init__(self) -> None:
        self.warm: list[Plan | None] = []
        self.plans: list[Plan] = []

    def plan(self, cost: Any, action_dim: int, generators: Any, warm: Plan | None = None) -> Plan:
        B, n = len(generators), len(self.plans)
        actions = torch.arange(n, n + 3.0).view(1, 3, 1).expand(B, 3, action_dim) / 100
        self.warm.append(warm)
        self.plans.append(Plan(actions, torch.zeros(B), 2 * actions[:, None]))
        return self.plans[-1]


def run(family: Family, rows: slice = slice(0, 3), adapt: Any = None, planner: Any = None, **options: Any) -> Episodes:
    factors = FACTORS[rows]
    simulator, seeds = family.simulate(factors), [10, 11, 12][rows]
    told = torch.as_tensor(factors, dtype=torch.float32)
    options = {"steps": 6, "history": 3, "factors": told, **options}
    return run_episodes(
        simulator,
        simulator.reset(seeds),
        adapt or (lambda context: PointMass(context.factors)),
        planner or CEM(horizon=5, candidates=30, elites=5, keep=2),
        family.objective,
        family.state,
        seeds=seeds,
        **options,
    )


def recorder(seen: list[Context]) -> Any:
    def adapt(context: Context) -> Expert:
        seen.append(context)
        assert context.factors is not None
        return PointMass(context.factors)

    return adapt


def test_what_adapt_is_shown_is_what_was_executed(point_mass: Family) -> None:
    seen: list[Context] = []
    K = 3
    done = run(point_mass, adapt=recorder(seen), history=K)
    assert len(seen) == 6
    for t, context in enumerate(seen):
        n = min(t, K)
        assert context.mask.tolist() == [[False] * (K - n) + [True] * n] * 3
        shown = (context.history.obs, context.history.action, context.history.next_obs)
        for rows, truth in zip(shown, (done.obs[:, :-1], done.action, done.obs[:, 1:]), strict=True):
            assert rows.shape[1] == K
            np.testing.assert_array_equal(rows[:, K - n :], truth[:, t - n : t])


def test_support_stands_in_front_of_the_history(point_mass: Family) -> None:
    seen: list[Context] = []
    torch.manual_seed(0)
    history = Transitions(torch.randn(3, 2, 2), torch.randn(3, 2, 1), torch.randn(3, 2, 2))
    support = Context(history, torch.tensor([[True, True], [False, True], [False, False]]))
    done = run(point_mass, adapt=recorder(seen), support=support, history=1)
    for t, context in enumerate(seen):
        assert torch.equal(context.history.obs[:, :2], history.obs)
        assert torch.equal(context.history.action[:, :2], history.action)
        assert torch.equal(context.history.next_obs[:, :2], history.next_obs)
        assert torch.equal(context.mask[:, :2], support.mask)
        assert context.mask[:, 2].tolist() == [t > 0] * 3
        if t:
            np.testing.assert_array_equal(context.history.obs[:, 2], done.obs[:, t - 1])


def test_without_history_nothing_is_shown(point_mass: Family) -> None:
    seen: list[Context] = []
    run(point_mass, adapt=recorder(seen), history=0)
    assert {c.mask.shape for c in seen} == {(3, 0)}


def test_what_is_returned_is_what_the_simulator_does(point_mass: Family) -> None:
    done = run(point_mass)
    simulator = point_mass.simulate(FACTORS)
    state = simulator.rollout(done.state[:, None, 0], done.action[:, None].astype(np.float64))[:, 0]
    np.testing.assert_allclose(done.state[:, 1:], state)
    np.testing.assert_array_equal(done.obs, simulator.observe(done.state).astype(np.float32))
    np.testing.assert_array_equal(done.reward, done.obs[:, 1:, 1])
    np.testing.assert_allclose(done.returns, done.reward.sum(1))
    assert done.seconds.shape == (6,)
    assert (done.seconds > 0).all()


def test_the_simulator_as_an_expert_plans_like_the_exact_law(point_mass: Family) -> None:
    expert = SimulatorExpert(point_mass.simulate(FACTORS))
    known, simulated = run(point_mass), run(point_mass, adapt=lambda context: expert)
    np.testing.assert_allclose(known.action, simulated.action, atol=1e-4)


def test_with_the_true_law_it_pushes_as_hard_as_it_can(point_mass: Family) -> None:
    simulator, steps = point_mass.simulate(FACTORS), 30
    done = run(point_mass, planner=CEM(), steps=steps)
    best = simulator.rollout(done.state[:, None, 0], np.ones((3, 1, steps, 1)))[:, 0, :, 1].sum(1)
    floor = simulator.rollout(done.state[:, None, 0], np.zeros((3, 1, steps, 1)))[:, 0, :, 1].sum(1)
    assert (done.returns - floor > 0.9 * (best - floor)).all()
    assert (done.returns <= best + 1e-4).all()


def test_the_last_plan_shifted_by_a_step_is_the_warm_start_of_the_next(point_mass: Family) -> None:
    planner = Counting()
    done = run(point_mass, planner=planner)
    np.testing.assert_allclose(done.action[:, :, 0], np.arange(6)[None].repeat(3, 0) / 100, rtol=1e-6)
    assert planner.warm[0] is None
    for last, warm in zip(planner.plans, planner.warm[1:], strict=False):
        assert warm is not None
        assert torch.equal(warm.actions, last.shift().actions)
        assert torch.equal(warm.elites, last.shift().elites)


@pytest.mark.parametrize("tile", [1, 2, None])
def test_tiles_change_nothing(point_mass: Family, tile: int | None) -> None:
    options: dict[str, Any] = {"noise_std": torch.tensor([0.1, 0.2, 0.3]), "keep_candidates": 2}
    whole, tiled = run(point_mass, **options), run(point_mass, tile=tile, **options)
    np.testing.assert_array_equal(whole.action, tiled.action)
    np.testing.assert_array_equal(whole.candidates, tiled.candidates)


def test_a_system_acts_the_same_alone(point_mass: Family) -> None:
    std = torch.tensor([0.1, 0.2, 0.3])
    whole = run(point_mass, noise_std=std)
    for b in range(3):
        rows = slice(b, b + 1)
        np.testing.assert_array_equal(run(point_mass, rows, noise_std=std[rows]).action, whole.action[rows])


def test_executed_noise_has_its_own_std_per_system(point_mass: Family) -> None:
    done = run(point_mass, planner=Still(), steps=2000, noise_std=torch.tensor([0.0, 0.1, 5.0]))
    assert (done.action[0] == 0).all()
    assert done.action[1].std() == pytest.approx(0.1, rel=0.1)
    assert abs(np.corrcoef(done.action[1, :-1, 0], done.action[1, 1:, 0])[0, 1]) < 0.1
    assert (np.abs(done.action[2]) == 1).mean() > 0.8
    assert np.abs(done.action).max() == 1


def test_systems_are_disturbed_independently(point_mass: Family) -> None:
    done = run(point_mass, planner=Still(), steps=500, noise_std=torch.full((3,), 0.1))
    between = np.corrcoef(done.action[:, :, 0])
    assert np.abs(between - np.eye(3)).max() < 0.2


def test_kept_candidates_are_the_planners_own(point_mass: Family) -> None:
    done = run(point_mass, planner=CEM(horizon=5, candidates=30, elites=5, execute="best"), keep_candidates=3)
    assert done.candidates is not None
    assert done.candidates.shape == (3, 6, 3, 5, 1)
    np.testing.assert_array_equal(done.candidates[:, :, 0, 0], done.action)
    assert run(point_mass).candidates is None


def test_more_candidates_than_there_are_is_refused(point_mass: Family) -> None:
    with pytest.raises(ConfigError, match="fewer candidates"):
        run(point_mass, keep_candidates=6)


def test_seeds_are_one_per_system(point_mass: Family) -> None:
    simulator = point_mass.simulate(FACTORS)
    with pytest.raises(ConfigError, match="one seed per system"):
        run_episodes(
            simulator,
            simulator.reset([0, 1, 2]),
            lambda context: SimulatorExpert(simulator),
            CEM(),
            point_mass.objective,
            point_mass.state,
            steps=1,
            seeds=[0],
        )


def test_progress_is_told_after_each_step(point_mass: Family) -> None:
    steps: list[int] = []
    run(point_mass, on_step=steps.append)
    assert steps == [1, 2, 3, 4, 5, 6]


def test_random_actions_are_uniform_and_seeded_per_system(point_mass: Family) -> None:
    simulator, seeds = point_mass.simulate(FACTORS), [3, 4, 5]
    states = simulator.reset(seeds)
    done = random_actions(simulator, states, point_mass.objective, point_mass.state, steps=2000, seeds=seeds)
    assert done.action.shape == (3, 2000, 1)
    np.testing.assert_allclose(np.quantile(done.action, [0, 0.25, 0.5, 0.75, 1]), [-1, -0.5, 0, 0.5, 1], atol=0.05)
    alone = random_actions(
        point_mass.simulate(FACTORS[1:2]), states[1:2], point_mass.objective, point_mass.state, steps=2000, seeds=[4]
    )
    np.testing.assert_array_equal(alone.action[0], done.action[1])
    assert done.candidates is None


@pytest.mark.parametrize(("replan", "decisions"), [(1, 6), (2, 3), (3, 2)])
def test_so_many_steps_of_a_plan_are_executed_before_the_next(point_mass: Family, replan: int, decisions: int) -> None:
    planner, seen = Counting(), list[Context]()
    done = run(point_mass, adapt=recorder(seen), planner=planner, replan=replan, keep_candidates=1)
    assert len(planner.plans) == len(seen) == len(done.seconds) == done.candidates.shape[1] == decisions
    executed = [plan.actions[0, i, 0].item() for plan in planner.plans for i in range(replan)]
    np.testing.assert_allclose(done.action[0, :, 0], executed)
    for before, warm in zip(planner.plans, planner.warm[1:], strict=False):
        expected = before
        for _ in range(replan):
            expected = expected.shift()
        assert torch.equal(warm.actions, expected.actions)
        assert torch.equal(warm.elites, expected.elites)


def test_no_more_of_a_plan_than_there_is_can_be_executed(point_mass: Family) -> None:
    with pytest.raises(ConfigError, match="horizon, 3"):
        run(point_mass, planner=Counting(), replan=4)


def test_nothing_is_planned_for_a_tile_whose_episodes_have_all_ended(point_mass: Family) -> None:
    def over(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
        return next_obs[..., 0] == next_obs[..., 0]  # the first step ends it

    seen: list[Context] = []
    done = run(point_mass, adapt=recorder(seen), termination=over)
    assert len(seen) == len(done.seconds) == 1
    assert done.length.tolist() == [1, 1, 1]
    assert done.action.shape[1] == 6
    seen.clear()
    kept = run(point_mass, adapt=recorder(seen), termination=over, keep_candidates=2)
    assert kept.candidates is not None
    assert len(seen) == kept.candidates.shape[1] == 6


def test_what_a_true_expert_foresees_is_what_happens(point_mass: Family) -> None:
    done = run(point_mass, foresee=True, replan=2, tile=2)
    assert done.predicted is not None
    np.testing.assert_allclose(done.predicted, done.obs[:, 1:], atol=1e-5)
    assert run(point_mass).predicted is None
