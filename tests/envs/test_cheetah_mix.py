from __future__ import annotations

from pathlib import Path

import gymnasium
import mujoco
import numpy as np
import pytest

from hyperdyn.envs import load
from hyperdyn.envs.locomotion import cheetah
from hyperdyn.envs.locomotion.cheetah_mix import CheetahMix
from hyperdyn.envs.locomotion.half_cheetah import DT
from hyperdyn.envs.simulator import Array
from hyperdyn.errors import EnvError, ShapeError

NOMINAL = dict(zip(load("cheetah_mix").factors, load("cheetah_mix").nominal, strict=True))
GAINS = slice(4, 10)


def simulated(steps: int, action: Array | None = None, state: Array | None = None, **factors: float) -> Array:
    """Observations [steps,18] of one system, at rest on the ground and without torque unless given."""
    family = load("cheetah_mix")
    simulator = family.simulate(np.array([[{**NOMINAL, **factors}[name] for name in family.factors]]))
    state = np.zeros(18) if state is None else state
    action = np.zeros((steps, 6)) if action is None else action
    return simulator.observe(simulator.rollout(simulator.state_of(state)[None, None], action[None, None]))[0, 0]


def test_nominal_system_steps_exactly_as_half_cheetah(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # Gymnasium's own model makes MuJoCo write a log where it stands
    theirs = gymnasium.make("HalfCheetah-v5", exclude_current_positions_from_observation=False)
    ours = gymnasium.make("hyperdyn/CheetahMix-v0")
    np.testing.assert_array_equal(ours.reset(seed=1)[0], theirs.reset(seed=1)[0])
    for action in np.random.default_rng(0).uniform(-1, 1, (300, 6)).astype(np.float32):
        obs, reward, *_ = ours.step(action)
        their_obs, their_reward, *_ = theirs.step(action)
        np.testing.assert_array_equal(obs, their_obs)
        assert reward == pytest.approx(their_reward, abs=1e-6)


@pytest.mark.parametrize("tilt", [-20.0, 0.0, 12.0])
def test_a_falling_body_accelerates_along_gravity_rotated_by_the_tilt(tilt: float) -> None:
    aloft = np.zeros(18)
    aloft[1] = 10.0
    angle = np.deg2rad(tilt)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    expected = np.concatenate([rotation @ [0.0, -9.81], np.zeros(7)]) * DT  # a positive tilt pulls towards -x
    np.testing.assert_allclose(simulated(1, state=aloft, tilt=tilt)[0, 9:], expected, atol=1e-12)


@pytest.mark.parametrize("mass", [0.4, 1.0, 2.5])
def test_mass_is_that_of_a_model_compiled_with_another_total_mass(mass: float) -> None:
    spec = cheetah.spec(visual=False)
    spec.compiler.settotalmass = 14.0 * mass
    theirs, ours = cheetah.compiled(spec), CheetahMix(mass=mass).model
    assert mujoco.mj_getTotalmass(ours) == pytest.approx(14.0 * mass)
    for name in ("body_mass", "body_inertia", "body_subtreemass", "body_invweight0", "dof_invweight0", "dof_M0"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-12, err_msg=name)


def test_damping_scales_the_joints_and_leaves_the_root_free() -> None:
    np.testing.assert_allclose(CheetahMix(damping=2.0).model.dof_damping, 2 * CheetahMix().model.dof_damping)
    assert not CheetahMix(damping=2.0).model.dof_damping[:3].any()


def test_a_body_at_rest_slides_exactly_where_friction_cannot_hold_the_tilt() -> None:
    held, slid = (abs(simulated(60, tilt=15.0, friction=mu)[-1, 0]) for mu in (0.8, 0.15))  # tan 15 deg = 0.27
    assert held < 0.3
    assert slid > 2.0


@pytest.mark.parametrize("motor", range(6))
def test_a_dead_motor_exerts_no_torque_and_its_action_changes_nothing(motor: int) -> None:
    dead = {f"gain_{cheetah.MOTORS[motor]}": 0.0}
    env = CheetahMix(**dead)
    env.reset(seed=0)
    action = np.random.default_rng(0).uniform(-1, 1, (20, 6))
    env.step(action[0])
    torque = env.data.qfrc_actuator[3:]
    assert torque[motor] == 0.0
    np.testing.assert_allclose(np.delete(torque / action[0], motor), np.delete([120, 90, 60, 120, 60, 30], motor))
    other = action.copy()
    other[:, motor] *= -1
    np.testing.assert_array_equal(simulated(20, action, **dead), simulated(20, other, **dead))


def test_outside_the_range_every_group_is_outside_and_exactly_one_motor_is_dead() -> None:
    family = load("cheetah_mix")
    drawn = family.draw("extrapolation", 400, 0)
    for i, name in enumerate(("tilt", "mass", "damping", "friction")):
        low, high = family.factors[name].ends("train")[0]
        below, above = drawn[:, i] < low, drawn[:, i] > high
        assert (below | above).all(), name
        assert below.any(), name
        assert above.any(), name
    gains = drawn[:, GAINS]
    assert ((gains == 0).sum(axis=1) == 1).all()
    assert (gains == 0).any(axis=0).all()
    assert (gains[gains != 0] >= 0.3).all()
    assert not (family.draw("train", 400, 0)[:, GAINS] == 0).any()


def test_a_thousand_models_are_light() -> None:
    family = load("cheetah_mix")
    models = family.simulate(family.draw("train", 3, 0)).models  # type: ignore[attr-defined]
    assert max(map(mujoco.mj_sizeModel, models)) < 50_000


@pytest.mark.parametrize("threads", [2, 3])
def test_threads_change_no_bit(threads: int) -> None:
    family = load("cheetah_mix")
    factors = family.draw("train", 3, 0)
    action = np.random.default_rng(0).uniform(-1, 1, (3, 5, 10, 6))
    one = family.simulate(factors)
    many = family.simulator(family, factors, threads=threads)  # type: ignore[call-arg]
    state = np.repeat(one.reset([1, 2, 3])[:, None], 5, axis=1)
    np.testing.assert_array_equal(many.rollout(state, action), one.rollout(state, action))


def test_divergence_is_an_error_that_names_the_system() -> None:
    state = np.zeros(18)
    state[12] = 1e12  # [rad/s]
    with pytest.raises(EnvError, match="system 0 diverged") as error:
        simulated(2, state=state, mass=1.5)
    assert "'mass': 1.5" in str(error.value)


def test_rows_that_do_not_fit_are_an_error() -> None:
    family = load("cheetah_mix")
    simulator = family.simulate(family.draw("train", 2, 0))
    with pytest.raises(ShapeError, match=r"actions \(3, 1, 4, 6\)"):
        simulator.rollout(simulator.reset([0, 1])[:, None], np.zeros((3, 1, 4, 6)))
