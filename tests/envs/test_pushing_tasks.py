"""What a pusher is asked: tasks that can be done, and episodes that end when they are."""

from __future__ import annotations

import gymnasium
import numpy as np
import pytest
import torch

pytest.importorskip("pybullet", reason="PyBullet has wheels for Linux and Python 3.11 only")

import hyperdyn.envs  # noqa: F401
from hyperdyn import envs
from hyperdyn.envs.pushing import scales, tasks
from hyperdyn.envs.pushing.objective import success


@pytest.mark.parametrize("seed", range(30))
def test_an_object_fits_between_any_two_obstacles_and_stands_free_at_both_ends(seed: int) -> None:
    radius = 0.06
    start, goal, standing = tasks.draw(np.random.default_rng(seed), radius, 3)
    gaps = [np.linalg.norm(a - b) for i, a in enumerate(standing) for b in standing[:i]]
    assert min(gaps) > 2 * (radius + scales.OBSTACLE_RADIUS)
    for end in (start, goal):
        assert np.linalg.norm(standing - end[:2], axis=1).min() > radius + scales.OBSTACLE_RADIUS


def test_an_episode_ends_at_the_goal_and_nowhere_else() -> None:
    family, action = envs.load("pushing"), np.array([0.2, 0.0, -0.5, -0.5], dtype=np.float32)
    env = gymnasium.make(family.env_id).unwrapped
    env.reset(seed=3)
    state = env.state.copy()
    there, _, away, _, _ = env.step(action)
    state[8:11] = there[:3]  # the goal is where this push ends
    env.set_state(state)
    before = env.observe(state)
    after, _, ended, cut, info = env.step(action)
    assert (away, ended, cut, info["is_success"]) == (False, True, False, True)
    told = family.termination(*(torch.from_numpy(np.asarray(x, dtype=np.float64)) for x in (before, action, after)))
    assert bool(told) == bool(success(after)) == ended
    env.close()
