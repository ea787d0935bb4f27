"""A method that looks is shown its systems before it decides."""

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="PyBullet has wheels for Linux and Python 3.11 only")

from hyperdyn.build import construct
from hyperdyn.config import compose
from hyperdyn.envs import load
from hyperdyn.evaluate.planning import first_look
from hyperdyn.on_policy import OnPolicyJob


def test_what_is_seen_first_is_the_state_from_which_the_episode_starts() -> None:
    family = load("pushing")
    simulator = family.simulate(family.draw("train", 2, 0))
    states = simulator.reset([0, 1])
    model = construct(compose("train", ["env=pushing", "model=hyper_vision"]).model, spec=family.state)
    context = first_look(model, simulator, states)
    assert context is not None
    assert context.mask.shape == (2, 0)
    assert context.views is not None
    np.testing.assert_allclose(context.views.pose, simulator.observe(states)[:, :3], atol=1e-6)
    other = construct(compose("train", ["env=pushing", "model=hyper"]).model, spec=family.state)
    assert first_look(other, simulator, states) is None
    assert first_look(None, simulator, states) is None


def test_it_is_also_shown_them_when_it_plans_to_collect(monkeypatch: pytest.MonkeyPatch) -> None:
    family = load("pushing")
    model = construct(compose("train", ["env=pushing", "model=hyper_vision"]).model, spec=family.state).eval()
    planner = construct(compose("plan", ["runs=none", "planner=pushing", "planner.candidates=16"]).planner)
    adapt, seen = model.adapt, []
    monkeypatch.setattr(model, "adapt", lambda context: seen.append(context.views is not None) or adapt(context))
    OnPolicyJob(family, model, planner, 2, 4, 0.0, 0, 1, 0, 1)([(0, family.draw("train", 1, 0)[0])])
    assert seen == [True, True]
