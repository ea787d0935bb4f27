from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from hyperdyn.envs import load


@pytest.mark.parametrize("factors", [(10.0, 1.0, 1.0), (7.5, 0.5, 1.6)])
def test_pendulum_is_gymnasiums(factors: tuple[float, float, float]) -> None:
    theirs = gymnasium.make("Pendulum-v1").unwrapped
    theirs.g, theirs.m, theirs.l = factors
    ours = load("pendulum").make(np.array(factors))
    np.testing.assert_allclose(ours.reset(seed=3)[0], theirs.reset(seed=3)[0], atol=1e-6)
    for action in np.random.default_rng(0).uniform(-1.5, 1.5, (100, 1)):  # beyond the box both clip
        obs, reward, *_ = ours.step(action)
        their_obs, their_reward, *_ = theirs.step(2.0 * action)
        np.testing.assert_allclose(obs, their_obs, atol=1e-6)
        assert reward == pytest.approx(their_reward, abs=1e-6)
