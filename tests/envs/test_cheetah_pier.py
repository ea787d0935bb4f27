from __future__ import annotations

import gymnasium
import mujoco
import numpy as np
import pytest

from hyperdyn.envs import load
from hyperdyn.envs.locomotion import cheetah_pier
from hyperdyn.envs.locomotion.cheetah_pier import CHEETAH, SLAB, STIFFNESS, CheetahPier
from hyperdyn.envs.simulator import Array

HEIGHTS, SPEEDS = slice(9, 17), slice(26, 34)


def settled(obs: Array, seconds: float = 20.0, damping: float = 10.0) -> Array:
    """What [34] is seen after a time without torque."""
    simulator = load("cheetah_pier").simulate(np.array([[damping]]))
    action = np.zeros((1, 1, round(seconds / 0.05), 6))
    return simulator.observe(simulator.rollout(simulator.state_of(obs)[None, None], action))[0, 0, -1]


def test_slabs_come_to_rest_where_spring_and_weight_balance() -> None:
    obs = np.zeros(34)
    obs[HEIGHTS] = np.linspace(-0.14, 0.14, 8)
    obs[1] = 1e5  # the cheetah is far above
    rest = settled(obs)
    model = CheetahPier().model
    stretch = rest[HEIGHTS] - model.qpos_spring[HEIGHTS]
    np.testing.assert_allclose(-model.jnt_stiffness[9:] * stretch, 9.81 * model.body_mass[8:], rtol=1e-5)
    np.testing.assert_allclose(model.body_mass[8:], SLAB)
    np.testing.assert_allclose(rest[HEIGHTS], 0.0, atol=1e-5)  # level with the ground that HalfCheetah-v5 has
    np.testing.assert_allclose(rest[SPEEDS], 0.0, atol=1e-5)


def test_a_slab_sinks_by_the_weight_on_it_over_its_stiffness() -> None:
    obs = np.zeros(34)
    obs[0] = 4.0  # all of the cheetah on slab 2
    rest = settled(obs)
    assert rest[HEIGHTS][2] == pytest.approx(-CHEETAH * 9.81 / STIFFNESS, rel=1e-3)
    np.testing.assert_allclose(np.delete(rest[HEIGHTS], 2), 0.0, atol=1e-6)


@pytest.mark.parametrize("damping", [0.0, 3.0, 15.0])
def test_a_free_slab_swings_as_a_damped_oscillator(damping: float) -> None:
    obs = np.zeros(34)
    obs[1], obs[15] = 1e5, 0.1
    seconds = 1.0
    rate = damping * cheetah_pier.SCALE / (2 * SLAB)
    frequency = np.sqrt(STIFFNESS / SLAB - rate**2)
    swing = np.cos(frequency * seconds) + rate / frequency * np.sin(frequency * seconds)
    expected = 0.1 * np.exp(-rate * seconds) * swing
    assert settled(obs, seconds, damping)[15] == pytest.approx(expected, abs=0.012)  # the integrator's first order


def test_the_cheetah_itself_is_half_cheetah() -> None:
    aloft = np.zeros(34)
    aloft[:9] = np.random.default_rng(0).uniform(-0.1, 0.1, 9)
    aloft[1] = 10.0
    family, mix = load("cheetah_pier"), load("cheetah_mix")
    theirs, ours = mix.simulate(mix.nominal[None]), family.simulate(family.nominal[None])
    action = np.random.default_rng(1).uniform(-1, 1, (1, 1, 20, 6))
    own = [*range(9), *range(17, 26)]
    state = ours.state_of(aloft)[None, None]
    seen = ours.observe(ours.rollout(state, action))[..., own]
    expected = theirs.observe(theirs.rollout(theirs.state_of(aloft[own])[None, None], action))
    np.testing.assert_allclose(seen, expected, rtol=0, atol=1e-9)


def test_slabs_neither_touch_one_another_nor_leave_a_step_wider_than_a_foot() -> None:
    model = CheetahPier().model
    boxes = model.geom_type == mujoco.mjtGeom.mjGEOM_BOX
    assert not (model.geom_contype[boxes] & 1).any()
    centre, half = model.body_pos[8:, 0], model.geom_size[boxes, 0]
    gaps = (centre - half)[1:] - (centre + half)[:-1]
    assert ((gaps > 0) & (gaps < 0.046)).all()


def test_the_ground_drawn_is_the_top_of_the_slabs() -> None:
    env = gymnasium.make("hyperdyn/CheetahPier-v0").unwrapped
    env.reset(seed=0)
    data = env.data
    mujoco.mj_forward(env.model, data)
    x = np.linspace(-20, 40, 61) + 0.5
    hits = [
        mujoco.mj_ray(env.model, data, [at, 0.8, 5.0], [0, 0, -1.0], None, 1, -1, np.zeros(1, np.int32)) for at in x
    ]
    np.testing.assert_allclose(env.ground(env.model, x, env.state), 5.0 - np.array(hits), atol=1e-12)
