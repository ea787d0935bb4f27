"""Solvers of stable-worldmodel plan with our experts."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType, SimpleNamespace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch
from torch import Tensor

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.planning.cost import trajectory_cost
from hyperdyn.planning.stable_worldmodel import CostModel
from hyperdyn.types import Expert, Step

GAINS = torch.tensor([1.0, 2.0, -1.0])


class Integrator(Expert):
    """x' = x + gain a, one gain per system; a change of the gain's sign turns the best action around."""

    action_dim = 2

    def __init__(self, gain: Tensor) -> None:
        self.gain = gain[:, None, None]

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor) -> Step:
        state = state + self.gain * action
        return Step(state, state)


def forwards(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
    return (next_obs - obs).sum(-1) - 0.1 * action.square().sum(-1)


def repeated(rows: Tensor, n: int) -> Tensor:
    """As a solver expands info_dict: [R,...] to [R,N,...]."""
    return rows.unsqueeze(1).expand(len(rows), n, *rows.shape[1:])


def test_the_cost_is_that_of_our_planners() -> None:
    torch.manual_seed(0)
    obs, actions = torch.randn(3, 2), torch.rand(3, 4, 5, 2) * 2 - 1
    expert = Integrator(GAINS)
    cost = CostModel(expert, forwards, systems=3).get_cost({"obs": repeated(obs, 4)}, actions)
    torch.testing.assert_close(cost, trajectory_cost(expert, obs, forwards)(actions))


def test_a_part_of_the_systems_meets_their_own_dynamics() -> None:
    torch.manual_seed(0)
    obs, actions, rows = torch.randn(3, 2), torch.rand(3, 4, 5, 2) * 2 - 1, torch.tensor([2, 0])
    model = CostModel(Integrator(GAINS), forwards, systems=3)
    whole = model.get_cost({"obs": repeated(obs, 4)}, actions)
    info = {"obs": repeated(obs[rows], 4), "system": repeated(rows, 4)}
    torch.testing.assert_close(model.get_cost(info, actions[rows]), whole[rows])


def test_one_system_takes_any_number_of_rows() -> None:
    torch.manual_seed(0)
    obs, actions = torch.randn(3, 2), torch.rand(3, 4, 5, 2) * 2 - 1
    cost = CostModel(Integrator(GAINS[1:2]), forwards).get_cost({"obs": repeated(obs, 4)}, actions)
    torch.testing.assert_close(cost, trajectory_cost(Integrator(GAINS[[1, 1, 1]]), obs, forwards)(actions))


def test_a_block_of_actions_is_unfolded_and_the_last_observation_counts() -> None:
    torch.manual_seed(0)
    obs, actions = torch.randn(1, 2), torch.rand(1, 4, 6, 2) * 2 - 1
    model = CostModel(Integrator(GAINS[:1]), lambda s, a, n: -n.square().sum(-1))
    plain = model.get_cost({"obs": repeated(obs, 4)}, actions)
    seen = torch.stack([torch.full_like(obs, 9.0), obs], dim=1)  # [R,T,S]
    torch.testing.assert_close(model.get_cost({"obs": repeated(seen, 4)}, actions.view(1, 4, 3, 4)), plain)


def test_actions_outside_the_box_cost_what_the_box_executes() -> None:
    model, info = CostModel(Integrator(GAINS[:1]), forwards), {"obs": torch.zeros(1, 1, 2)}
    torch.testing.assert_close(
        model.get_cost(info, torch.full((1, 1, 3, 2), 7.0)), model.get_cost(info, torch.ones(1, 1, 3, 2))
    )


def test_what_cannot_be_told_is_refused() -> None:
    model, actions = CostModel(Integrator(GAINS), forwards, systems=3), torch.zeros(2, 4, 5, 2)
    with pytest.raises(ConfigError, match="batch_size=3"):
        model.get_cost({"obs": torch.zeros(2, 4, 2)}, actions)
    with pytest.raises(ConfigError, match="each system once"):
        model.get_cost({"obs": torch.zeros(2, 4, 2), "system": torch.ones(2, 4)}, actions)
    with pytest.raises(ConfigError, match="no observation"):
        model.get_cost({"state": torch.zeros(2, 4, 2)}, actions)
    with pytest.raises(ShapeError, match="do not fit the candidates"):
        model.get_cost({"obs": torch.zeros(2, 2)}, actions)
    with pytest.raises(ShapeError, match="do not fit the expert"):
        model.get_cost({"obs": torch.zeros(2, 4, 2)}, torch.zeros(2, 4, 5, 3))


@pytest.fixture
def solvers() -> Iterator[Any]:
    """Its solvers alone: the package as a whole imports video and storage libraries, of which planning needs none."""
    spec = find_spec("stable_worldmodel")
    if spec is None or find_spec("loguru") is None:
        pytest.skip("the extra 'stable_worldmodel' is not installed")
    package = ModuleType("stable_worldmodel")
    package.__path__ = list(spec.submodule_search_locations or [])
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if name.startswith("stable_worldmodel")}
    sys.modules["stable_worldmodel"] = package
    yield import_module("stable_worldmodel.solver")
    for name in [n for n in sys.modules if n.startswith("stable_worldmodel")]:
        del sys.modules[name]
    sys.modules.update(before)


SOLVERS: dict[str, dict[str, Any]] = {
    "CEMSolver": {"num_samples": 64, "n_steps": 8, "topk": 8},
    "ICEMSolver": {"num_samples": 64, "n_steps": 8, "topk": 8},
    "MPPISolver": {"num_samples": 64, "n_steps": 8, "topk": 8},
    "PredictiveSamplingSolver": {"num_samples": 256},
    "GradientSolver": {"num_samples": 4, "n_steps": 20},
}


@pytest.mark.parametrize("batch_size", [3, 1])
@pytest.mark.parametrize("name", SOLVERS)
def test_its_solvers_push_each_system_where_that_one_goes_forwards(name: str, batch_size: int, solvers: Any) -> None:
    torch.manual_seed(0)
    model = CostModel(Integrator(GAINS), forwards, systems=3)
    solver = getattr(solvers, name)(model, batch_size=batch_size, **SOLVERS[name])
    space = gymnasium.spaces.Box(-1.0, 1.0, (3, 2), np.float32)
    solver.configure(action_space=space, n_envs=3, config=SimpleNamespace(horizon=4, action_block=1))
    assert isinstance(solver, solvers.Solver)
    plan = solver.solve({"obs": torch.zeros(3, 2), "system": torch.arange(3)})
    assert plan["actions"].shape == (3, 4, 2)
    assert (plan["actions"].mean((1, 2)).sign() == GAINS.sign()).all()
