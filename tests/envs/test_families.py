"""Laws that hold for every family in conf/env."""

from __future__ import annotations

import pickle

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from hyperdyn.envs import available, load
from hyperdyn.envs.spec import SPLITS, Family
from hyperdyn.errors import EnvError


@pytest.fixture(params=available())
def family(request: pytest.FixtureRequest) -> Family:
    if request.param.startswith("pushing"):
        pytest.importorskip("pybullet", reason="PyBullet has wheels for Linux and Python 3.11 only")
    return load(request.param)


def some_systems(family: Family) -> np.ndarray:
    """The nominal system, one of the training range and one from outside [3,F]."""
    return np.concatenate([family.nominal[None], family.draw("train", 1, 0), family.draw("extrapolation", 1, 0)])


def varies_without_end(family: Family, split: str) -> bool:
    """Whether any factor is drawn from an interval; otherwise the split has a few systems, which repeat."""
    return any(np.ptp(factor.ends(split), axis=1).any() for factor in family.factors.values())


def some_actions(family: Family, *leading: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (*leading, family.state.action_dim))


def test_the_yaml_is_named_after_its_family(request: pytest.FixtureRequest, family: Family) -> None:
    assert family.name == request.node.callspec.params["family"]


def test_env_passes_gymnasiums_checker(family: Family) -> None:
    check_env(family.make(some_systems(family)[2]).unwrapped, skip_render_check=True)


def test_env_has_the_declared_sizes_and_time_step(family: Family) -> None:
    env = family.make(family.nominal)
    assert env.observation_space.shape == (family.state.obs_dim,)
    assert env.action_space.shape == (family.state.action_dim,)
    assert env.metadata["render_fps"] == max(1, round(1 / family.dt))


def test_the_constructors_defaults_are_the_nominal_factors(family: Family) -> None:
    one, other = gymnasium.make(family.env_id, **family.env_kwargs), family.make(family.nominal)
    one.reset(seed=0), other.reset(seed=0)
    for action in some_actions(family, 30):
        np.testing.assert_array_equal(one.step(action)[0], other.step(action)[0])


def test_a_render_is_an_image_and_disturbs_nothing(family: Family) -> None:
    env, unseen = family.make(family.nominal, render_mode="rgb_array"), family.make(family.nominal)
    env.reset(seed=0), unseen.reset(seed=0)
    for action in some_actions(family, 10):
        np.testing.assert_array_equal(env.step(action)[0], unseen.step(action)[0])
        try:
            image = env.render()
        except EnvError as error:
            pytest.skip(str(error).splitlines()[1])
        assert image.ndim == 3
        assert image.dtype == np.uint8
        assert len(np.unique(image)) > 2
    env.close()


def test_rollout_and_env_step_agree_to_the_last_bit_over_an_episode(family: Family) -> None:
    factors = some_systems(family)
    simulator = family.simulate(factors)
    state = simulator.reset([7, 8, 9])
    action = some_actions(family, len(factors), 1, family.episode_steps)
    rolled = simulator.rollout(state[:, None], action)
    seen = simulator.observe(rolled)
    for b, system in enumerate(factors):
        env = family.make(system)
        obs, _ = env.reset(seed=7 + b)
        np.testing.assert_array_equal(obs, simulator.observe(state[b]))
        for t in range(family.episode_steps):
            obs = env.step(action[b, 0, t])[0]
            np.testing.assert_array_equal(obs, seen[b, 0, t])
        np.testing.assert_array_equal(env.unwrapped.state, rolled[b, 0, -1])


def test_a_rollout_cut_into_pieces_is_the_same_rollout(family: Family) -> None:
    simulator = family.simulate(some_systems(family))
    state = simulator.reset([1, 2, 3])[:, None]
    action = some_actions(family, 3, 1, 60)
    whole = simulator.rollout(state, action)
    pieces = []
    for cut in (action[:, :, :1], action[:, :, 1:2], action[:, :, 2:40], action[:, :, 40:]):
        pieces.append(simulator.rollout(state, cut))
        state = pieces[-1][:, :, -1]
    np.testing.assert_array_equal(simulator.observe(np.concatenate(pieces, axis=2)), simulator.observe(whole))
    np.testing.assert_array_equal(pieces[-1][:, :, -1], whole[:, :, -1])


def test_a_row_does_not_depend_on_the_other_rows(family: Family) -> None:
    factors = some_systems(family)
    simulator = family.simulate(factors)
    state = np.repeat(simulator.reset([1, 2, 3])[:, None], 4, axis=1)
    action = some_actions(family, 3, 4, 20)
    together = simulator.rollout(state, action)
    alone = family.simulate(factors[1:2]).rollout(state[1:2, 2:3], action[1:2, 2:3])
    np.testing.assert_array_equal(alone[0, 0], together[1, 2])


def test_the_batched_objective_is_the_envs_reward(family: Family) -> None:
    env = family.make(some_systems(family)[1])
    obs, rewards, actions = [env.reset(seed=3)[0]], [], some_actions(family, 50)
    for action in actions:
        after, reward, terminated, _, _ = env.step(action)
        obs.append(after)
        rewards.append(reward)
        assert not terminated
    seen, acted = torch.from_numpy(np.array(obs)), torch.from_numpy(actions)
    batched = family.objective(seen[:-1].reshape(2, 25, -1), acted.reshape(2, 25, -1), seen[1:].reshape(2, 25, -1))
    np.testing.assert_allclose(batched.reshape(-1).numpy(), rewards, rtol=0, atol=1e-10)


def test_a_state_recovered_from_an_observation_moves_as_the_true_one(family: Family) -> None:
    simulator = family.simulate(some_systems(family))
    state = simulator.rollout(simulator.reset([1, 2, 3])[:, None], some_actions(family, 3, 1, 30))[:, :, -1]
    recovered = simulator.state_of(simulator.observe(state))
    assert recovered.shape == state.shape
    np.testing.assert_allclose(simulator.observe(recovered), simulator.observe(state), atol=1e-12)
    action = some_actions(family, 3, 1, 1)
    one, other = simulator.rollout(state, action), simulator.rollout(recovered, action)
    np.testing.assert_allclose(simulator.observe(one), simulator.observe(other), atol=1e-4)


def test_dropped_entries_and_full_turns_change_no_motion(family: Family) -> None:
    simulator = family.simulate(some_systems(family))
    obs = simulator.observe(simulator.reset([1, 2, 3]))[:, None]
    moved = obs.copy()
    moved[..., list(family.state.drop)] += 3.0
    moved[..., list(family.state.angles)] += 2 * np.pi
    action = some_actions(family, 3, 1, 1)
    before, after = (simulator.observe(simulator.rollout(simulator.state_of(o), action))[:, :, 0] for o in (obs, moved))
    np.testing.assert_allclose(after - moved, before - obs, atol=1e-6)


def test_every_factor_changes_the_motion(family: Family) -> None:
    simulated = [family.nominal]
    ranges = np.concatenate([family.ranges(split) for split in SPLITS], axis=1)
    for i, values in enumerate(ranges):
        simulated.append(family.nominal)
        simulated[-1][i] = values[np.abs(values - family.nominal[i]).argmax()]
    simulator = family.simulate(np.array(simulated))
    state = np.repeat(simulator.reset([0] * len(simulated))[:1, None], len(simulated), axis=0)
    steps = min(100, family.episode_steps)
    action = np.repeat(some_actions(family, 1, 1, steps), len(simulated), axis=0)
    seen = simulator.observe(simulator.rollout(state, action))
    for i, name in enumerate(family.factors):
        assert np.abs(seen[1 + i] - seen[0]).max() > 1e-3, name


@pytest.mark.parametrize("split", SPLITS)
def test_system_i_is_the_same_however_many_are_drawn(family: Family, split: str) -> None:
    np.testing.assert_array_equal(family.draw(split, 3, 5), family.draw(split, 10, 5)[:3])
    if varies_without_end(family, split):
        assert len(np.unique(family.draw(split, 50, 5)[:, 0])) == 50
        assert not np.array_equal(family.draw(split, 3, 5), family.draw(split, 3, 6))


def test_no_system_outside_the_range_is_one_inside(family: Family) -> None:
    train, outside = family.draw("train", 200, 0), family.draw("extrapolation", 200, 0)
    assert not (train[:, None] == outside[None]).all(axis=-1).any()


@pytest.mark.parametrize("split", SPLITS)
def test_draws_fill_the_ranges_of_their_split(family: Family, split: str) -> None:
    drawn, (low, high) = family.draw(split, 300, 0), family.ranges(split).T
    width = high - low
    np.testing.assert_array_less(np.abs(drawn.min(axis=0) - low), 0.05 * width + 1e-9)
    np.testing.assert_array_less(np.abs(drawn.max(axis=0) - high), 0.05 * width + 1e-9)


@pytest.mark.parametrize("split", SPLITS)
def test_draws_lie_in_the_intervals_of_their_split_and_reach_each(family: Family, split: str) -> None:
    drawn = family.draw(split, 300, 0)
    ruled = {name for rule in family.exactly_one if rule.split == split for name in rule.factors}
    for i, (name, factor) in enumerate(family.factors.items()):
        if name not in ruled:
            ends = factor.ends(split)
            inside = (ends[:, 0] - 1e-12 <= drawn[:, i : i + 1]) & (drawn[:, i : i + 1] <= ends[:, 1] + 1e-12)
            assert inside.any(axis=1).all(), name
            assert inside.any(axis=0).all(), name


def test_new_systems_in_range_are_not_the_training_systems(family: Family) -> None:
    if not varies_without_end(family, "interpolation"):
        pytest.skip("a family of few systems has no new ones in range")
    train, new = family.draw("train", 100, 0), family.draw("interpolation", 100, 0)
    assert not (train[:, None] == new[None]).all(axis=-1).any()


def test_a_family_travels_to_worker_processes(family: Family) -> None:
    there = pickle.loads(pickle.dumps(family))
    np.testing.assert_array_equal(there.draw("train", 2, 0), family.draw("train", 2, 0))
    assert there.simulate(there.nominal[None]).batch == 1
