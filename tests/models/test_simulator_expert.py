"""The simulator behind the contract of an expert."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from hyperdyn.envs.spec import Family
from hyperdyn.errors import ShapeError
from hyperdyn.models.base import rollout
from hyperdyn.models.simulator import SimulatorExpert


def test_stepping_it_is_rolling_out_the_simulator(point_mass: Family) -> None:
    torch.manual_seed(0)
    factors = point_mass.draw("train", 2, seed=0)
    simulator = point_mass.simulate(factors)
    obs, action = torch.randn(2, 4, 2), torch.rand(2, 4, 7, 1) * 2 - 1
    predicted = rollout(SimulatorExpert(simulator), obs, action)
    states = simulator.rollout(simulator.state_of(obs.double().numpy()), action.double().numpy())
    np.testing.assert_array_equal(predicted, simulator.observe(states).astype(np.float32))
    assert predicted.dtype == torch.float32


def test_another_number_of_systems_is_refused(point_mass: Family) -> None:
    simulator = point_mass.simulate(point_mass.draw("train", 2, seed=0))
    with pytest.raises(ShapeError, match="tile=None"):
        SimulatorExpert(simulator).start(torch.zeros(3, 4, 2))
