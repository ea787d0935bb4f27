from __future__ import annotations

from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest

from hyperdyn.envs import load
from hyperdyn.envs.locomotion import ant
from hyperdyn.envs.locomotion.ant_cripple import LEGS, AntCripple
from hyperdyn.envs.locomotion.ant_slope import AntSlope
from hyperdyn.envs.simulator import Array


def rest(seconds: float = 2.0) -> Array:
    """Positions [15] of an ant that has come to rest on flat ground, without torque."""
    env = AntSlope()
    env.reset(seed=0)
    for _ in range(round(seconds / ant.DT)):
        env.step(np.zeros(8, dtype=np.float32))
    return env.data.qpos.copy()


@pytest.mark.parametrize("name", ["AntSlope", "AntCripple"])
def test_nominal_system_moves_exactly_as_ant(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    theirs, ours = gymnasium.make("Ant-v5").unwrapped, gymnasium.make(f"hyperdyn/{name}-v0").unwrapped
    ours.reset(seed=1), theirs.reset(seed=2)
    theirs.set_state(ours.data.qpos, ours.data.qvel)
    for action in np.random.default_rng(0).uniform(-1, 1, (100, 8)).astype(np.float32):
        x = ours.data.qpos[0]
        reward = ours.step(action)[1]
        theirs.step(action)
        np.testing.assert_array_equal(ours.data.qpos, theirs.data.qpos)
        np.testing.assert_array_equal(ours.data.qvel, theirs.data.qvel)
        assert reward == pytest.approx((theirs.data.qpos[0] - x) / ant.DT + 0.05)


def test_a_start_is_that_of_ant_with_a_quaternion_of_length_one() -> None:
    theirs, ours = gymnasium.make("Ant-v5").unwrapped, AntSlope()
    theirs.reset(seed=1), ours.reset(seed=1)
    expected = theirs.data.qpos.copy()
    expected[ant.QUATERNION] /= np.linalg.norm(expected[ant.QUATERNION])
    np.testing.assert_allclose(ours.data.qpos, expected, atol=1e-15)
    np.testing.assert_array_equal(ours.data.qvel, theirs.data.qvel)


def test_the_two_axes_are_those_that_mujoco_rotates_and_give_the_orientation_back() -> None:
    rng = np.random.default_rng(0)
    drawn = rng.standard_normal((200, 4))
    drawn[:4] = np.eye(4)
    drawn /= np.linalg.norm(drawn, axis=-1, keepdims=True)
    forward, up = ant.axes(drawn)
    for q, f, u in zip(drawn, forward, up, strict=True):
        matrix = np.zeros(9)
        mujoco.mju_quat2Mat(matrix, q)
        np.testing.assert_allclose(np.stack([f, u]), matrix.reshape(3, 3).T[[0, 2]], atol=1e-12)
    same = np.abs((ant.quaternion(forward, up) * drawn).sum(-1))
    np.testing.assert_allclose(same, 1.0, atol=1e-12)


def test_axes_that_a_model_predicts_a_little_wrong_still_give_a_rotation() -> None:
    rng = np.random.default_rng(0)
    forward, up = np.array([1.0, 0, 0]) + 0.1 * rng.standard_normal((20, 3)), np.array([0, 0, 1.1])
    found = ant.quaternion(forward, np.broadcast_to(up, (20, 3)))
    np.testing.assert_allclose(np.linalg.norm(found, axis=-1), 1.0)
    f, u = ant.axes(found)
    np.testing.assert_allclose(u, [[0, 0, 1]] * 20, atol=1e-12)
    assert (f[:, :2] @ [1.0, 0.0] > 0.9).all()
    heading = np.arctan2(forward[:, 1], forward[:, 0])
    np.testing.assert_allclose(np.arctan2(f[:, 1], f[:, 0]), heading, atol=1e-12)


@pytest.mark.parametrize("degrees", [4.0, 14.0])
def test_an_incline_is_a_tilted_gravity(degrees: float) -> None:
    """The same motion on a floor that is really tilted, seen from the floor."""
    spec = ant.spec(visual=False)
    angle = np.deg2rad(degrees)
    turn = np.array([[np.cos(angle), 0, -np.sin(angle)], [0, 1, 0], [np.sin(angle), 0, np.cos(angle)]])  # lifts +x
    turning = np.array([np.cos(angle / 2), 0, -np.sin(angle / 2), 0])
    spec.geom("floor").quat = turning
    model = spec.compile()
    data = mujoco.MjData(model)
    flat = AntSlope(incline=degrees)
    flat.reset(seed=0)
    q = flat.data.qpos.copy()
    data.qpos[:] = q
    data.qpos[:3] = turn @ q[:3]
    mujoco.mju_mulQuat(data.qpos[ant.QUATERNION], turning, q[ant.QUATERNION])
    data.qvel[:] = flat.data.qvel
    data.qvel[:3] = turn @ flat.data.qvel[:3]
    mujoco.mj_forward(model, data)
    for action in np.random.default_rng(0).uniform(-1, 1, (16, 8)):
        obs = flat.step(action.astype(np.float32))[0]
        data.ctrl[:] = action.astype(np.float32)
        mujoco.mj_step(model, data, flat.frame_skip)
        forward, up = ant.axes(data.qpos[ant.QUATERNION])
        np.testing.assert_allclose(obs[:3], data.qpos[:3] @ turn, atol=1e-5)
        np.testing.assert_allclose(obs[3:9].reshape(2, 3), np.stack([forward, up]) @ turn, atol=1e-5)
        np.testing.assert_allclose(obs[9:17], data.qpos[7:], atol=1e-4)


@pytest.mark.parametrize("degrees", [-14.0, 14.0])
def test_friction_holds_a_resting_ant_on_every_incline_of_the_family(degrees: float) -> None:
    family = load("ant_slope")
    assert np.abs(family.ranges("extrapolation")).max() <= abs(degrees)
    simulator = family.simulate(np.array([[degrees]]))
    state = np.concatenate([rest(), np.zeros(28)])
    seen = simulator.observe(simulator.rollout(state[None, None], np.zeros((1, 1, 100, 8))))[0, 0]
    assert np.abs(seen[-1, 0] - seen[20, 0]) < 0.1  # [m] in four seconds, as contacts give way; free, it would be 19 m


def test_ice_would_not_hold_it() -> None:
    """What the law above would see without friction."""
    env = AntSlope(incline=14.0)
    env.model.geom_friction[:, 0] = 0.05
    env.set_state(np.concatenate([rest(), np.zeros(28)]))
    for _ in range(40):
        obs = env.step(np.zeros(8, dtype=np.float32))[0]
    assert obs[0] < -2.0


@pytest.mark.parametrize("leg", range(4))
def test_a_crippled_legs_geoms_are_half_as_long_and_joined(leg: int) -> None:
    whole, crippled = AntCripple().model, AntCripple(**{f"leg_{LEGS[leg]}": 0.0}).model
    own = [3 * leg + 3, 3 * leg + 4]  # geoms: floor, torso, then stump, thigh and shin of each leg
    ratio = crippled.geom_size[2:, 1] / whole.geom_size[2:, 1]
    expected = np.ones(12)
    expected[np.array(own) - 2] = 0.5
    np.testing.assert_allclose(ratio, expected)
    np.testing.assert_allclose(crippled.geom_size[2:, 0], 0.08)
    data = mujoco.MjData(crippled)
    mujoco.mj_kinematics(crippled, data)
    ends = (
        data.geom_xpos[:, None]
        + np.array([-1, 1])[:, None]
        * (crippled.geom_size[:, 1, None] * data.geom_xmat.reshape(-1, 3, 3)[:, :, 2])[:, None]
    )
    for upper, lower in ((own[0] - 1, own[0]), tuple(own)):
        distance = np.linalg.norm(ends[upper][:, None] - ends[lower][None], axis=-1)
        assert distance.min() == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize("leg", range(4))
def test_a_crippled_leg_has_no_motors(leg: int) -> None:
    env = AntCripple(**{f"leg_{LEGS[leg]}": 0.0})
    env.reset(seed=0)
    env.step(np.ones(8, dtype=np.float32))
    torque = np.full(8, 150.0)
    torque[2 * leg : 2 * leg + 2] = 0.0  # joints: hip and ankle of each leg
    assert env.data.qfrc_actuator[6:].tolist() == torque.tolist()


def test_legs_0_to_2_are_known_and_leg_3_is_not() -> None:
    family = load("ant_cripple")
    for split, legs in (("train", {0, 1, 2}), ("interpolation", {0, 1, 2}), ("extrapolation", {3})):
        drawn = family.draw(split, 60, 0)
        assert ((drawn == 0).sum(axis=1) == 1).all()
        assert set(drawn.argmin(axis=1)) == legs
