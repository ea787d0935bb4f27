from __future__ import annotations

import gymnasium
import mujoco
import numpy as np
import pytest

from hyperdyn.envs import load
from hyperdyn.envs.locomotion.cheetah_slope import CheetahSlope


def test_the_model_is_the_released_one() -> None:
    env = gymnasium.make("hyperdyn/CheetahSlope-v0", height=3.0).unwrapped
    model = env.model
    assert mujoco.mj_getTotalmass(model) == pytest.approx(14.0)
    assert np.unique(model.geom_friction, axis=0).tolist() == [[0.4, 0.1, 0.1]]
    assert model.actuator_gear[:, 0].tolist() == [120, 90, 60, 120, 60, 30]
    assert model.hfield_size.tolist() == [[50, 5, 3.0, 0.1]]
    assert (model.hfield_nrow.item(), model.hfield_ncol.item()) == (528, 500)
    assert model.opt.timestep * env.frame_skip == pytest.approx(0.01)


def test_observation_is_positions_without_x_velocities_and_centre_of_mass() -> None:
    env = CheetahSlope(height=2.0)
    env.reset(seed=0)
    for action in np.random.default_rng(0).uniform(-1, 1, (100, 6)):
        obs = env.step(action)[0]
        np.testing.assert_array_equal(obs[:17], [*env.data.qpos[1:], *env.data.qvel])
        mujoco.mj_forward(env.model, data := mujoco.MjData(env.model))
        data.qpos[:] = env.data.qpos
        mujoco.mj_kinematics(env.model, data)
        mujoco.mj_comPos(env.model, data)
        np.testing.assert_allclose(obs[17:], data.subtree_com[env.model.body("torso").id], atol=1e-12)


@pytest.mark.parametrize("height", [0.0, 2.0, 4.0])
def test_ground_is_where_a_ray_from_above_meets_the_height_field(height: float) -> None:
    family = load("cheetah_slope")
    simulator = family.simulate(np.array([[height]]))
    model = simulator.models[0]  # type: ignore[attr-defined]
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    x = np.linspace(-20, 30, 101)
    rays = [mujoco.mj_ray(model, data, [at, 2.0, 20.0], [0, 0, -1.0], None, 1, -1, np.zeros(1, np.int32)) for at in x]
    ground = simulator.ground(0, x, data.qpos)  # type: ignore[attr-defined]
    np.testing.assert_allclose(ground, 20.0 - np.array(rays), atol=1e-6)


def test_ground_is_flat_then_an_even_ramp_of_18_m_then_flat() -> None:
    model = CheetahSlope(height=4.0).model
    x = np.linspace(-50, 50, 10_001)
    z = CheetahSlope.ground(model, x, model.qpos0)
    slope = np.rad2deg(np.arctan(np.diff(z) / np.diff(x)))
    assert not z[x < -0.11].any()
    assert (z[x > 17.95] == 4.0).all()
    np.testing.assert_allclose(slope[(x[:-1] > 0) & (x[1:] < 17.9)], 12.5, atol=0.05)


def test_the_cheetah_stands_on_the_ramp() -> None:
    family = load("cheetah_slope")
    simulator = family.simulate(np.array([[1.0], [3.0]]))
    state = simulator.reset([0, 0])
    x = 8.0
    for b in range(2):
        state[b, 0], state[b, 1] = x, simulator.ground(b, np.array(x), state[b]) - 0.2  # type: ignore[attr-defined]
    settled = simulator.rollout(state[:, None], np.zeros((2, 1, 150, 6)))[:, 0, -1]
    for b in range(2):
        body = simulator.segments(b, settled[b]).reshape(-1, 2)  # type: ignore[attr-defined]
        above = body[:, 1] - simulator.ground(b, body[:, 0], settled[b])  # type: ignore[attr-defined]
        assert 0.0 < above.min() < 0.1  # the capsules' radius is 0.046


def test_reward_is_the_speed_of_the_centre_of_mass_less_effort() -> None:
    env = CheetahSlope()
    before, _ = env.reset(seed=0)
    action = np.full(6, 0.5)
    after, reward, *_ = env.step(action)
    assert reward == pytest.approx((after[17] - before[17]) / 0.01 - 0.05 * 6 * 0.25)
