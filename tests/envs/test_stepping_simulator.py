"""Environments stepped one by one are the same simulator as a batched one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import gymnasium
import numpy as np
import pytest

from hyperdyn.envs import load, pendulum, skeleton
from hyperdyn.envs.spec import Family
from hyperdyn.envs.stepping import SteppingSimulator
from hyperdyn.errors import EnvError, ShapeError


class OpenPendulum(pendulum.Pendulum):
    """The pendulum, telling what it shows of a state."""

    observe = staticmethod(pendulum._observe)


class DrawnPendulum(OpenPendulum):
    """The pendulum with a side view."""

    def segments(self, state: np.ndarray) -> list[list[list[float]]]:
        return [[[0.0, 0.0], list(pendulum._tip(state))]]


class ClosedPendulum(pendulum.Pendulum):
    """The pendulum, with a state that cannot be set."""

    set_state = property()  # type: ignore[assignment]


def family_of(cls: type) -> Family:
    env_id = f"test/{cls.__name__}-v0"
    gymnasium.register(env_id, entry_point=cls, max_episode_steps=200)
    return replace(load("pendulum"), env_id=env_id, simulator=SteppingSimulator)


@pytest.fixture(autouse=True)
def clean_registry() -> Iterator[None]:
    before = dict(gymnasium.registry)
    yield
    gymnasium.registry.clear()
    gymnasium.registry.update(before)


def test_it_equals_the_batched_simulator() -> None:
    stepped, batched = family_of(OpenPendulum), load("pendulum")
    factors = batched.draw("extrapolation", 3, 0)
    one, other = stepped.simulate(factors), batched.simulate(factors)
    np.testing.assert_array_equal(one.reset([4, 5, 6]), other.reset([4, 5, 6]))
    rng = np.random.default_rng(0)
    state, action = rng.normal(size=(3, 4, 2)), rng.uniform(-1, 1, (3, 4, 7, 1))
    after = one.rollout(state, action)
    np.testing.assert_allclose(after, other.rollout(state, action), rtol=1e-12)
    np.testing.assert_array_equal(one.observe(after), other.observe(after))


@pytest.mark.parametrize("batched", [True, False])
def test_other_systems_than_the_simulator_has_are_refused(batched: bool) -> None:
    family = load("pendulum") if batched else family_of(OpenPendulum)
    with pytest.raises(ShapeError, match=r"states \[1,N,X\]"):
        family.simulate(family.nominal[None]).rollout(np.zeros((3, 1, 2)), np.zeros((3, 1, 2, 1)))


def test_a_rollout_leaves_its_arguments_alone() -> None:
    simulator = family_of(OpenPendulum).simulate(load("pendulum").nominal[None])
    state = np.ones((1, 2, 2))
    simulator.rollout(state, np.ones((1, 2, 3, 1)))
    assert (state == 1).all()


def test_an_environment_that_shows_something_else_is_refused() -> None:
    simulator = family_of(pendulum.Pendulum).simulate(load("pendulum").nominal[None])
    with pytest.raises(EnvError, match="static method `observe"):
        simulator.reset([0])


def test_a_state_that_cannot_be_set_is_refused() -> None:
    with pytest.raises(EnvError, match="no 'set_state'"):
        family_of(ClosedPendulum).simulate(load("pendulum").nominal[None])


def test_without_an_inverse_observations_give_no_state() -> None:
    simulator = family_of(OpenPendulum).simulate(load("pendulum").nominal[None])
    with pytest.raises(EnvError, match="state_of"):
        simulator.state_of(np.zeros((1, 3)))


def test_a_side_view_is_the_environments_own() -> None:
    factors, state = load("pendulum").nominal[None], np.array([0.3, 0.0])
    simulator = family_of(DrawnPendulum).simulate(factors)
    expected = load("pendulum").simulate(factors).segments(0, state)  # type: ignore[attr-defined]
    np.testing.assert_allclose(skeleton.segments(simulator, 0, state), expected)
    assert skeleton.ground(simulator, 0, np.zeros(1), state) is None


def test_without_a_side_view_the_error_says_how_to_go_on() -> None:
    simulator = family_of(OpenPendulum).simulate(load("pendulum").nominal[None])
    with pytest.raises(EnvError, match=r"callbacks\.videos=null"):
        skeleton.segments(simulator, 0, np.zeros(2))
