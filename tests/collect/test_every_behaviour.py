"""What holds for every behaviour in conf/behaviour."""

import json
from importlib.resources import files

import numpy as np
import pytest
from hydra import compose, initialize_config_module

from hyperdyn import build
from hyperdyn.behaviour.base import AbstractBehaviour, System
from hyperdyn.collect import description
from hyperdyn.envs import load

FAMILIES = {"random_pushes": "pushing"}
"""Behaviour to the family that it is for; the others play any."""

NAMES = sorted(p.name.removesuffix(".yaml") for p in files("hyperdyn.conf").joinpath("behaviour").iterdir())


@pytest.fixture(params=NAMES)
def behaviour(request: pytest.FixtureRequest) -> AbstractBehaviour:
    with initialize_config_module("hyperdyn.conf", version_base=None):
        cfg = compose(overrides=[f"+behaviour={request.param}"])
    made = build.construct(cfg.behaviour)
    assert isinstance(made, AbstractBehaviour)
    return made


@pytest.fixture
def system(request: pytest.FixtureRequest) -> System:
    name = FAMILIES.get(request.node.callspec.params["behaviour"], "cheetah_mix")
    if name == "pushing":
        pytest.importorskip("pybullet", reason="PyBullet has wheels for Linux and Python 3.11 only")
    family = load(name)
    simulator = family.simulate(family.draw("train", 1, 0))
    states = np.concatenate([simulator.reset([e]) for e in range(3)])
    return System(simulator, states, family.state, family.objective, family.dt)


def test_it_plays_what_it_says_within_the_box(behaviour: AbstractBehaviour, system: System) -> None:
    steps = 4
    played = behaviour.play(system, steps, np.random.default_rng(0))
    assert played.obs.shape == (3, steps + 1, system.spec.obs_dim)
    assert played.action.shape == (3, steps, system.spec.action_dim)
    assert played.action.dtype == np.float32
    assert np.abs(played.action).max() <= 1.0
    assert len(np.unique(played.action[:, 0, 0])) == 3  # episodes differ
    replayed = system.simulate(played.action[:, None])[:, 0]
    np.testing.assert_allclose(played.obs, replayed, rtol=0, atol=1e-6)  # to the solver's tolerance


def test_its_generator_decides_everything(behaviour: AbstractBehaviour, system: System) -> None:
    first, same, other = (behaviour.play(system.only([0]), 3, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(first.obs, same.obs)
    assert np.array_equal(first.action, same.action)
    assert not np.array_equal(first.action, other.action)


def test_its_description_is_plain(behaviour: AbstractBehaviour) -> None:
    described = description(behaviour)
    assert json.loads(json.dumps(described)) == described
    assert described["class"] == type(behaviour).__name__
