"""A method that looks is shown its systems before it decides."""

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="PyBullet has wheels for Linux and Python 3.11 only")

from hyperdyn.build import construct
from hyperdyn.config import compose
from hyperdyn.envs import load
from hyperdyn.evaluate.planning import _first_look


def test_what_is_seen_first_is_the_state_from_which_the_episode_starts() -> None:
    family = load("pushing")
    simulator = family.simulate(family.draw("train", 2, 0))
    states = simulator.reset([0, 1])
    model = construct(compose("train", ["env=pushing", "model=hyper_vision"]).model, spec=family.state)
    context = _first_look(model, simulator, states)
    assert context is not None
    assert context.mask.shape == (2, 0)
    assert context.views is not None
    np.testing.assert_allclose(context.views.pose, simulator.observe(states)[:, :3], atol=1e-6)
    other = construct(compose("train", ["env=pushing", "model=hyper"]).model, spec=family.state)
    assert _first_look(other, simulator, states) is None
    assert _first_look(None, simulator, states) is None
