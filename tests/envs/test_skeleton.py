from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from hyperdyn.envs import load
from hyperdyn.envs.simulator import Array
from hyperdyn.envs.skeleton import ground, segments
from hyperdyn.errors import EnvError

CAPSULES = 2 * np.array([0.5, 0.15, 0.145, 0.15, 0.094, 0.133, 0.106, 0.07])  # torso, head, back leg, front leg [m]


@pytest.mark.parametrize("name", ["cheetah_mix", "cheetah_slope"])
def test_limbs_keep_their_lengths_whatever_the_state(name: str) -> None:
    family = load(name)
    simulator = family.simulate(family.nominal[None])
    for state in simulator.rollout(simulator.reset([0])[:, None], np.ones((1, 1, 40, 6)))[0, 0]:
        drawn = segments(simulator, 0, state)
        np.testing.assert_allclose(np.linalg.norm(drawn[:, 1] - drawn[:, 0], axis=-1), CAPSULES, atol=1e-12)


def test_the_torso_stands_where_the_state_says() -> None:
    family = load("cheetah_mix")
    simulator = family.simulate(family.nominal[None])
    obs = np.zeros(18)
    obs[:3] = 4.0, 0.5, np.pi / 2  # a positive pitch lowers the nose
    torso, head, *_ = segments(simulator, 0, simulator.state_of(obs))
    np.testing.assert_allclose(sorted(torso.tolist()), [[4, 0.7], [4, 1.7]], atol=1e-12)
    assert head[:, 1].max() < 0.8
    state = simulator.state_of(obs)
    np.testing.assert_array_equal(ground(simulator, 0, np.array([-3.0, 4.0]), state), [0.0, 0.0])


@pytest.mark.parametrize(("theta", "tip"), [(0.0, (0.0, 1.0)), (np.pi / 2, (-1.0, 0.0)), (np.pi, (0.0, -1.0))])
def test_the_rod_points_where_the_angle_says(theta: float, tip: tuple[float, float]) -> None:
    family = load("pendulum")
    simulator = family.simulate(family.nominal[None])
    np.testing.assert_allclose(segments(simulator, 0, np.array([theta, 0.0])), [[(0, 0), tip]], atol=1e-12)
    assert ground(simulator, 0, np.zeros(1), np.zeros(2)) is None


def test_a_simulator_without_a_side_view_is_an_error() -> None:
    @dataclass
    class Blind:
        def rollout(self, state: Array, action: Array) -> Array:
            return state

    blind: Any = Blind()
    with pytest.raises(EnvError, match="Blind"):
        segments(blind, 0, np.zeros(2))
