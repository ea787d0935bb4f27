"""Planning on the true simulator as a behaviour."""

from collections.abc import Sequence

import numpy as np
import pytest
import torch
from torch import Tensor

from hyperdyn.behaviour.base import System
from hyperdyn.behaviour.mpc import MPC
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.cem import CEM
from hyperdyn.types import CostFn, Plan


class Scripted(AbstractPlanner):
    """Its n-th plan is n/10 + h/100 at step h; remembers what it was told."""

    horizon = 4

    def __init__(self) -> None:
        self.warm: list[Plan | None] = []
        self.cost_of_rest: list[Tensor] = []

    def plan(
        self, cost: CostFn, action_dim: int, generators: Sequence[torch.Generator], warm: Plan | None = None
    ) -> Plan:
        B = len(generators)
        self.cost_of_rest.append(cost(torch.zeros(B, 1, self.horizon, action_dim))[:, 0])
        actions = len(self.warm) / 10 + torch.arange(self.horizon) / 100
        self.warm.append(warm)
        return Plan(actions[None, :, None].expand(B, -1, action_dim), torch.zeros(B))


@pytest.fixture
def system(point_mass: Family) -> System:
    simulator = point_mass.simulate(point_mass.draw("train", 1, 0))
    states = np.concatenate([simulator.reset([e]) for e in range(3)])
    return System(simulator, states, point_mass.state, point_mass.objective, point_mass.dt)


def test_a_plan_is_executed_for_so_many_steps_and_handed_back_shifted(system: System) -> None:
    planner = Scripted()
    played = MPC(planner, noise=0.0, replan_every=2).play(system, 5, np.random.default_rng(0))
    np.testing.assert_allclose(played.action[:, :, 0], np.tile([0.0, 0.01, 0.1, 0.11, 0.2], (3, 1)), atol=1e-6)
    assert planner.warm[0] is None
    assert planner.warm[1] is not None
    np.testing.assert_allclose(planner.warm[1].actions[0, :, 0], [0.02, 0.03, 0.03, 0.03], atol=1e-6)
    np.testing.assert_array_equal(played.obs, system.simulate(played.action[:, None])[:, 0])


def test_the_cost_is_minus_the_true_return_from_where_the_episode_is(system: System) -> None:
    planner = Scripted()
    played = MPC(planner, noise=0.3, replan_every=2).play(system, 5, np.random.default_rng(0))
    decay = 1 - 0.1 * system.simulator.drag[0]  # type: ignore[attr-defined]  # v' = decay v without a force
    coasting = sum(decay**k for k in range(1, 5))
    for cost, velocity in zip(planner.cost_of_rest, played.obs[:, [0, 2, 4], 1].T, strict=True):
        np.testing.assert_allclose(cost.numpy(), -coasting * velocity, rtol=1e-5)


def test_with_a_planner_it_does_what_is_best(system: System) -> None:
    planner = CEM(horizon=4, candidates=16, iterations=2, elites=4, keep=2)
    played = MPC(planner, noise=0.0).play(system, 8, np.random.default_rng(0))
    assert played.action[:, 2:].min() > 0.8  # pushing forward is optimal, and 1 the limit


def test_noise_differs_from_step_to_step_and_between_episodes(system: System) -> None:
    quiet, noisy = (MPC(Scripted(), noise=n).play(system, 30, np.random.default_rng(0)) for n in (0.0, 0.5))
    added = (noisy.action - quiet.action)[:, :5, 0]  # before the script reaches the box
    assert len(np.unique(added)) == added.size


@pytest.mark.parametrize("wrong", [{"noise": -0.1}, {"replan_every": 0}, {"replan_every": 5}])
def test_options_that_cannot_be_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ConfigError, match="horizon = 4"):
        MPC(Scripted(), **wrong)  # type: ignore[arg-type]
