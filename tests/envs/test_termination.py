"""Episodes that end early: nothing after their end is stored, paid or planned for."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hyperdyn.behaviour.random_uniform import RandomUniform
from hyperdyn.collect import collect
from hyperdyn.envs.spec import Family
from hyperdyn.envs.termination import alive, ending, lengths
from hyperdyn.models.simulator import SimulatorExpert
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.control import random_actions, run_episodes
from hyperdyn.types import Plan


def far(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
    return next_obs[..., 0].abs() > 1.5


@pytest.fixture
def ended(point_mass: Family) -> Family:
    return replace(point_mass, termination=far)


def test_the_step_that_ends_an_episode_is_the_last_that_counts() -> None:
    over = torch.tensor([[False, True, False, True], [False] * 4, [True] * 4])
    assert alive(over).tolist() == [[True, True, False, False], [True] * 4, [True, False, False, False]]


def test_lengths_are_those_of_a_plain_loop() -> None:
    rng = np.random.default_rng(0)
    obs, action = rng.normal(size=(3, 50, 8, 2)), rng.normal(size=(3, 50, 7, 1))
    found = lengths(far, obs, action)
    for i in np.ndindex(3, 50):
        over = [t for t in range(7) if abs(obs[i][t + 1, 0]) > 1.5]
        assert found[i] == (over[0] + 1 if over else 7)
    assert (lengths(None, obs, action) == 7).all()


def test_an_objective_pays_until_the_end() -> None:
    obs = torch.tensor([0.0, 1.0, 2.0, 0.0])[:, None].expand(4, 2)[None]  # [1,L+1,S]
    paid = ending(lambda s, a, n: torch.ones(s.shape[:-1]), far, dim=1)
    assert paid(obs[:, :-1], torch.zeros(1, 3, 1), obs[:, 1:]).tolist() == [[1.0, 1.0, 0.0]]


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_what_a_diverged_prediction_would_pay_after_the_end_is_not_paid(bad: float) -> None:
    obs = torch.tensor([0.0, 1.0, 2.0, 0.0])[:, None].expand(4, 2)[None]
    paid = ending(lambda s, a, n: torch.tensor([[1.0, 1.0, bad]]), far, dim=1)
    assert paid(obs[:, :-1], torch.zeros(1, 3, 1), obs[:, 1:]).tolist() == [[1.0, 1.0, 0.0]]


def test_what_is_stored_ends_where_the_episode_does(ended: Family, tmp_path: Path) -> None:
    args = {"split": "train", "systems": 3, "episodes": 6, "behaviour": RandomUniform(), "progress": False}
    store = collect(ended, tmp_path / "ended", **args)
    whole = collect(replace(ended, termination=None), tmp_path / "whole", **args)
    for info, other in zip(store.infos(), whole.infos(), strict=True):
        assert min(info.lengths) < 50 == max(other.lengths)
        data, full = store.load(info), whole.load(other)
        for e, length in enumerate(info.lengths):
            assert not (np.abs(data.obs[e, 1:length, 0]) > 1.5).any()
            assert length == 50 or abs(data.obs[e, length, 0]) > 1.5
            np.testing.assert_array_equal(data.obs[e, : length + 1], full.obs[e, : length + 1])
    collect(ended, tmp_path / "ended", **args)  # again: it is there


def test_the_closed_loop_earns_nothing_after_the_end(ended: Family) -> None:
    simulator = ended.simulate(ended.draw("train", 4, 0))
    states = simulator.reset([0, 1, 2, 3])
    args = {"steps": 50, "seeds": [0, 1, 2, 3]}
    whole = random_actions(simulator, states, ended.objective, ended.state, **args)
    cut = random_actions(simulator, states, ended.objective, ended.state, termination=far, **args)
    assert cut.length.min() < 50
    assert (whole.length == 50).all()
    for b, length in enumerate(cut.length):
        np.testing.assert_array_equal(cut.reward[b, :length], whole.reward[b, :length])
        assert not cut.reward[b, length:].any()


class Asked(AbstractPlanner):
    """Asks for the cost of staying and of going, and stays."""

    horizon = 40

    def __init__(self) -> None:
        self.cost = torch.empty(0)

    def plan(self, cost: Any, action_dim: Any = None, generators: Any = None, warm: Any = None) -> Plan:
        rows = torch.tensor([0.0, 1.0]).view(1, 2, 1, 1).expand(1, 2, 40, 1)
        self.cost = cost(rows)
        return Plan(rows[:, 0], self.cost[:, 0])


def one(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
    return torch.ones(obs.shape[:-1], dtype=obs.dtype)


def test_a_plan_earns_nothing_after_the_end(ended: Family) -> None:
    """Staying at rest pays 40 times, going until the mass is too far."""
    simulator, planner = ended.simulate(ended.nominal[None]), Asked()
    rest = np.zeros((1, 2))
    expert = SimulatorExpert(simulator)
    run_episodes(
        simulator, rest, lambda context: expert, planner, one, ended.state, steps=1, seeds=[0], termination=far
    )
    gone = simulator.observe(simulator.rollout(rest[:, None], np.ones((1, 1, 40, 1))))[0, 0, :, 0]
    assert planner.cost.tolist() == [[-40.0, -float(np.argmax(np.abs(gone) > 1.5) + 1)]]
