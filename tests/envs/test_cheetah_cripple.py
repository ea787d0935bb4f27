from __future__ import annotations

from pathlib import Path

import gymnasium
import numpy as np
import pytest

from hyperdyn.envs import load
from hyperdyn.envs.locomotion import cheetah
from hyperdyn.envs.locomotion.cheetah_cripple import CheetahCripple


@pytest.mark.parametrize("name", ["CheetahCripple", "CheetahMass"])
def test_nominal_system_steps_exactly_as_half_cheetah(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # Gymnasium's own model makes MuJoCo write a log where it stands
    theirs = gymnasium.make("HalfCheetah-v5", exclude_current_positions_from_observation=False)
    ours = gymnasium.make(f"hyperdyn/{name}-v0")
    np.testing.assert_array_equal(ours.reset(seed=1)[0], theirs.reset(seed=1)[0])
    for action in np.random.default_rng(0).uniform(-1, 1, (100, 6)).astype(np.float32):
        obs, reward, *_ = ours.step(action)
        their_obs, their_reward, *_ = theirs.step(action)
        np.testing.assert_array_equal(obs, their_obs)
        assert reward == pytest.approx(their_reward, abs=1e-6)


@pytest.mark.parametrize("motor", range(6))
def test_a_dead_motor_moves_its_joint_by_no_action(motor: int) -> None:
    family = load("cheetah_cripple")
    dead = family.nominal
    dead[motor] = 0.0
    simulator = family.simulate(np.stack([dead, family.nominal]))
    state = np.repeat(simulator.reset([0, 0])[:1, None], 2, axis=0).repeat(2, axis=1)  # [2 systems, 2 rows]
    action = np.random.default_rng(0).uniform(-1, 1, (2, 2, 40, 6))
    action[:, 1] = action[:, 0]
    action[:, 1, :, motor] = -action[:, 0, :, motor]
    crippled, whole = simulator.observe(simulator.rollout(state, action))
    np.testing.assert_array_equal(crippled[0], crippled[1])
    assert np.abs(whole[0] - whole[1]).max() > 0.1


def test_the_other_motors_keep_their_torque() -> None:
    env = CheetahCripple(gain_fthigh=0.0)
    env.reset(seed=0)
    env.step(np.ones(6, dtype=np.float32))
    assert env.data.qfrc_actuator[3:].tolist() == [120, 90, 60, 0, 60, 30]


def test_each_split_kills_exactly_one_of_its_own_motors() -> None:
    family = load("cheetah_cripple")
    for split, motors in (("train", {1, 2, 3, 4, 5}), ("interpolation", {1, 2, 3, 4, 5}), ("extrapolation", {0})):
        drawn = family.draw(split, 100, 0)
        assert set(np.unique(drawn)) == {0.0, 1.0}
        assert ((drawn == 0).sum(axis=1) == 1).all()
        assert set(drawn.argmin(axis=1)) == motors
    assert [name.removeprefix("gain_") for name in family.factors] == list(cheetah.MOTORS)
