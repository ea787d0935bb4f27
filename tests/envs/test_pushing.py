"""Laws of object pushing. What holds for every family is in test_families."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from hyperdyn.envs import load
from hyperdyn.envs.pushing import scales
from hyperdyn.envs.pushing.objective import objective, success
from hyperdyn.envs.pushing.pushes import action_of, push_of
from hyperdyn.envs.pushing.solids import Properties
from hyperdyn.envs.pushing.system import System, scene_of, state_of
from hyperdyn.envs.simulator import AbstractSimulator
from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.evaluate.planning import simulator_outcome
from hyperdyn.evaluate.task import Task
from hyperdyn.planning.cem import CEM


@pytest.fixture
def simulator() -> AbstractSimulator:
    pytest.importorskip("pybullet", reason="PyBullet has wheels for Linux and Python 3.11 only")
    family = load("pushing")
    return family.simulate(np.stack([family.nominal, family.draw("train", 4, 0)[3]]))


def seen(x: float = 0.0, y: float = 0.0, yaw: float = 0.0, touched: float = 0.0, obstacle=(-10.0, 10.0)) -> np.ndarray:
    """An observation [13] with the goal at (0.1, 0, 0)."""
    return np.array([x, y, yaw, 0.1, 0.0, 0.0, touched, *obstacle, -11.0, 10.0, -12.0, 10.0])


def reward(obs: np.ndarray, action: np.ndarray, next_obs: np.ndarray) -> float:
    return float(objective(obs, action, next_obs))


AWAY = action_of(np.pi, 0.0, 0.06, 0.3)
"""A push that begins at x = 0.1 and goes to 0.04."""


def test_a_push_is_a_function_of_state_and_action_whatever_was_simulated_before(simulator: AbstractSimulator) -> None:
    rng = np.random.default_rng(0)
    state = np.repeat(simulator.reset([0, 1])[:, None], 12, axis=1)
    action = rng.uniform(-1, 1, (2, 12, 1, 4))
    first = simulator.rollout(state, action)
    order = rng.permutation(12)
    np.testing.assert_array_equal(simulator.rollout(state[:, order], action[:, order]), first[:, order])
    assert len(np.unique(first[0, :, 0, 0])) > 9


def test_an_action_is_a_line_in_the_world_and_the_tool_comes_down_beside_the_object() -> None:
    push = push_of(np.array([0.2, 0.1]), action_of(np.pi / 2, 0.02, 0.1, 0.25))
    np.testing.assert_allclose(push.start, [0.2 - 0.02, 0.1 - scales.STANDOFF], atol=1e-12)  # left of +y is -x
    np.testing.assert_allclose(push.end, [0.2 - 0.02, 0.1], atol=1e-12)
    assert push.steps == round(0.1 / 0.25 * 240)
    assert push.speed == pytest.approx(0.25, rel=0.02)


def test_the_tool_keeps_its_line_and_speed_and_carries_the_object_along(simulator: AbstractSimulator) -> None:
    world, path = simulator.systems[0].world, []
    world.tool.drive = lambda push, step: path.append((step, world.tool.position()))
    state = state_of(seen())
    push = push_of(state[:2], action_of(0.0, 0.0, 0.14, 0.3))
    after, outcome = simulator.push(0, state, action_of(0.0, 0.0, 0.14, 0.3))
    for step, place in path:
        want = (push.end - push.start) * step / push.steps - (scales.STANDOFF, 0.0)  # in the object's frame
        np.testing.assert_allclose(place, want, atol=2e-4)
    body = world.solid.body
    # What is before the tool is pushed out of its way, and slides on.
    assert after[0] > push.end[0] + scales.TOOL_RADIUS + body.outline(16).min() - 0.01
    assert outcome.rested
    assert outcome.sunk < 1e-3


def test_a_faster_push_carries_an_object_farther(simulator: AbstractSimulator) -> None:
    state = np.tile(state_of(seen()), (2, 3, 1))
    speeds = [[[action_of(0.0, 0.0, 0.14, v)] for v in (0.15, 0.35, 0.6)]] * 2
    reached = simulator.rollout(state, np.array(speeds))[0, :, 0, 0]
    assert reached[0] + 0.005 < reached[1]
    assert reached[1] + 0.005 < reached[2]


def test_a_push_left_of_the_middle_turns_an_object_clockwise_and_right_of_it_the_other_way(
    simulator: AbstractSimulator,
) -> None:
    yaws = np.linspace(0, 2 * np.pi, 12, endpoint=False)  # whichever side of it is met
    state = np.array([[state_of(seen(yaw=yaw)) for yaw in yaws]] * 2)
    for side in (0.025, -0.025):
        after = simulator.rollout(state, np.tile(action_of(0.0, side, 0.12, 0.2), (2, 12, 1, 1)))[:, :, 0]
        turned = (after - state)[..., 7].mean(axis=1)
        assert (np.sign(turned) == -np.sign(side)).all()
        assert (np.abs(turned) > 0.1).all()


def test_turning_the_scene_turns_the_push(simulator: AbstractSimulator) -> None:
    turn = 0.7
    c, s = np.cos(turn), np.sin(turn)
    one = simulator.rollout(
        np.tile(state_of(seen()), (2, 1, 1)), np.tile(action_of(0.3, 0.01, 0.12, 0.3), (2, 1, 1, 1))
    )
    other = simulator.rollout(
        np.tile(state_of(seen(0.1, -0.05, turn)), (2, 1, 1)),
        np.tile(action_of(0.3 + turn, 0.01, 0.12, 0.3), (2, 1, 1, 1)),
    )
    for a, b in zip(one[:, 0, 0], other[:, 0, 0], strict=True):
        assert np.hypot(*a[:2]) > 0.02
        np.testing.assert_allclose(b[:2], [0.1 + c * a[0] - s * a[1], -0.05 + s * a[0] + c * a[1]], atol=1e-4)
        np.testing.assert_allclose(b[7] - turn, a[7], atol=1e-3)


def test_yaw_goes_on_past_pi_from_push_to_push_and_within_one() -> None:
    """A mesh that spins on its belly, followed look by look."""
    pytest.importorskip("pybullet")
    spinning = System(Properties(280.0, mass=0.1, friction=0.4, com_x=0.19, com_y=0.06, scale=1.15, restitution=0.4))
    state, rng = spinning.start(np.random.default_rng(0)), np.random.default_rng(0)
    turns, farthest = [], 0.0
    for _ in range(30):
        action = rng.uniform(-1, 1, 4) * [1, 1, 0.5, 0.5] + [0, 0, 0.5, 0.5]
        looks = [state[7]]
        outcome = spinning.world.push(scene_of(state), action, lambda pose, tool, seen=looks: seen.append(pose[2]))
        after, _ = spinning.push(state, action)
        if not (outcome.rested and outcome.stands):
            continue
        turns.append(after[7] - state[7])
        np.testing.assert_allclose(turns[-1], np.unwrap(looks)[-1] - looks[0], atol=1e-2)
        farthest = max(farthest, abs(after[7]))
        state = after
        state[:2] = 0.0
    assert max(map(abs, turns)) > np.pi  # which no difference of two headings can tell
    assert farthest > np.pi
    spinning.close()


def test_touching_an_obstacle_with_object_or_tool_is_seen_and_stays_so(simulator: AbstractSimulator) -> None:
    forward = action_of(0.0, 0.0, 0.12, 0.2)
    for obstacle, action, touches in [
        ((0.09, 0.0), forward, True),  # the object runs into it
        ((-0.1, 0.0), forward, True),  # the tool comes down on it
        ((0.0, 0.12), forward, False),
    ]:
        state = np.tile(state_of(seen(obstacle=obstacle)), (2, 1, 1))
        after = simulator.rollout(state, action[None, None, None].repeat(2, 0))[0, 0, 0]
        assert bool(simulator.observe(after)[scales.TOUCHED]) == touches, obstacle
    still = simulator.rollout(np.tile(state_of(seen(touched=1.0)), (2, 1, 1)), np.tile(forward, (2, 1, 1, 1)))
    assert (simulator.observe(still)[..., scales.TOUCHED] == 1).all()


@pytest.mark.parametrize("arm", ["cylinder", "kuka"])
def test_the_tool_passes_through_an_obstacle_as_if_it_were_not_there(arm: str) -> None:
    pytest.importorskip("pybullet")
    one = System(Properties(), arm=arm)
    forward = action_of(0.0, 0.0, 0.12, 0.2)
    free, barred = (one.push(np.array(state_of(seen(obstacle=(-0.09, y)))), forward) for y in (0.15, 0.0))
    assert (free[1].touched, barred[1].touched) == (False, True)
    assert free[0][0] > 0.02  # it was pushed
    np.testing.assert_allclose(barred[0][:8], free[0][:8], atol=1e-6)
    one.close()


@pytest.mark.parametrize("arm", ["cylinder", "kuka"])
def test_nothing_of_a_closed_system_is_left_on_disk(arm: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pybullet")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    system = System(Properties(), arm=arm)
    assert list(tmp_path.iterdir())
    system.close()
    assert not list(tmp_path.iterdir())


def test_no_touch_is_too_short_to_be_noticed() -> None:
    """The object grazes an obstacle, seen at every step of the physics or at every fourth."""
    pytest.importorskip("pybullet")
    one = System(Properties(restitution=0.4))
    rng = np.random.default_rng(0)
    brief = 0
    for _ in range(40):
        bar = (rng.uniform(0.08, 0.12), rng.choice([-1, 1]) * rng.uniform(0.05, 0.07))
        state, action = np.array(state_of(seen(obstacle=bar))), action_of(0.0, rng.uniform(-0.02, 0.02), 0.15, 0.6)
        steps: list[bool] = []
        step = one.world._step
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(one.world, "_step", lambda step=step, seen=steps: seen.append(step()) or seen[-1])
            _, outcome = one.push(state, action)
        assert outcome.touched == any(steps)
        brief += any(steps) and not any(steps[::4])
    assert brief
    one.close()


@pytest.mark.parametrize("obstacles", [0, 1, 3])
def test_tasks_have_room_and_are_in_reach(obstacles: int) -> None:
    pytest.importorskip("pybullet")
    env = load("pushing").make(load("pushing").nominal, obstacles=obstacles).unwrapped
    radius = env.system.world.solid.body.radius
    for seed in range(40):
        obs, _ = env.reset(seed=seed)
        start, goal = obs[:2], obs[3:5]
        distance = np.linalg.norm(goal - start)
        assert scales.GOAL_DISTANCE[0] <= distance <= scales.GOAL_DISTANCE[1]
        assert abs(obs[5] - obs[2]) <= scales.GOAL_TURN
        standing = [o for o in obs[7:].reshape(3, 2) if np.abs(o).max() < scales.PRESENT]
        assert len(standing) == obstacles
        for place in standing:
            for pose in (start, goal):
                assert np.linalg.norm(place - pose) > radius + scales.OBSTACLE_RADIUS


def test_the_reward_rises_all_the_way_to_the_goal_and_success_is_there_alone() -> None:
    from_afar = [reward(seen(-0.15), AWAY, seen(x)) for x in np.linspace(-0.3, 0.1, 60)]
    turning = [reward(seen(), AWAY, seen(0.1, yaw=a)) for a in np.linspace(np.pi - 0.01, 0.0, 60)]
    assert (np.diff(from_afar) > 0).all()
    assert (np.diff(turning) > 0).all()
    assert reward(seen(), AWAY, seen(0.1, yaw=2 * np.pi)) == pytest.approx(reward(seen(), AWAY, seen(0.1)), abs=1e-9)
    for x, yaw, touched, reached in [
        (0.1 + 0.0119, 0.0, 0.0, True),
        (0.1 + 0.0121, 0.0, 0.0, False),
        (0.1, np.radians(7.9) + 4 * np.pi, 0.0, True),
        (0.1, np.radians(8.1), 0.0, False),
        (0.1, 0.0, 1.0, False),
    ]:
        assert bool(success(seen(x, 0.0, yaw, touched))) == reached
        assert bool(success(torch.from_numpy(seen(x, 0.0, yaw, touched)))) == reached


def test_a_predicted_touch_costs_more_than_any_distance() -> None:
    far = reward(seen(-0.3), AWAY, seen(-0.3, 0.2, np.pi))
    for blocked in [
        reward(seen(), AWAY, seen(0.1, touched=1.0)),
        reward(seen(obstacle=(0.05, 0.0)), AWAY, seen(0.1, obstacle=(0.05, 0.0))),  # on the object's way
        reward(seen(-0.2, obstacle=(-0.1, 0.01)), AWAY, seen(0.1, obstacle=(-0.1, 0.01))),  # where the tool comes down
    ]:
        assert blocked < far - 3
    aside = (0.0, 0.2)
    assert reward(seen(obstacle=aside), AWAY, seen(0.1, obstacle=aside)) == reward(seen(), AWAY, seen(0.1))


def test_objective_takes_arrays_and_tensors_and_has_a_slope_everywhere() -> None:
    rng = np.random.default_rng(0)
    obs, action, after = np.tile(seen(), (2, 5, 1)), rng.uniform(-1, 1, (2, 5, 4)), np.tile(seen(), (2, 5, 1))
    after[..., :3] += rng.normal(size=(2, 5, 3))
    tensors = [torch.from_numpy(a) for a in (obs, action, after)]
    np.testing.assert_allclose(objective(obs, action, after), objective(*tensors).numpy())
    moved = tensors[2].clone().requires_grad_()
    objective(*tensors[:2], moved).sum().backward()
    assert (moved.grad[..., :3].abs() > 0).all()


@pytest.mark.parametrize("name", ["pushing", "pushing_outline"])
def test_success_in_words_has_the_tolerances_that_judge(name: str) -> None:
    near = f"within {1000 * scales.TOLERANCE:g} mm and {np.degrees(scales.TURN_TOLERANCE):g} degrees of the goal"
    assert load(name).success_text == f"{near}, no obstacle touched"


def test_the_outline_yaml_differs_in_the_outline_alone() -> None:
    plain, outlined = load("pushing"), load("pushing_outline")
    assert outlined.factors == plain.factors
    assert outlined.state.obs_dim == plain.state.obs_dim + scales.OUTLINE
    assert outlined.state.drop == plain.state.drop
    assert outlined.entries[: plain.state.obs_dim] == plain.entries
    assert outlined.env_kwargs == {**plain.env_kwargs, "outline": True}


def test_planning_with_the_simulator_gives_the_same_whether_the_outline_is_seen_or_not() -> None:
    pytest.importorskip("pybullet")
    families = load("pushing"), load("pushing_outline")
    planner = CEM(horizon=2, candidates=4, iterations=1, elites=2, keep=1)
    at = families[0].draw("interpolation", 1, 0), [3]
    tasks = [Task(family, *at, planner, steps=2, setting={"obstacles": 1}) for family in families]
    assert tasks[0].key == tasks[1].key != Task(families[0], *at, planner, steps=2).key
    plain, outlined = map(simulator_outcome, tasks)
    assert plain.rows == outlined.rows


@pytest.mark.parametrize("arm", ["kuka", "panda"])
def test_an_arm_keeps_the_line_to_a_millimetre_and_moves_the_object(arm: str) -> None:
    pytest.importorskip("pybullet")
    family = load("pushing")
    env = family.make(family.nominal, arm=arm).unwrapped
    env.reset(seed=0)
    tool, path = env.system.world.tool, []
    drive = tool.drive
    tool.drive = lambda push, step: (path.append((push, step, tool.position())), drive(push, step))
    for angle in (0.3, 2.8, 3.5):
        state = state_of(seen(0.0))
        after, _ = env.system.push(state, action_of(angle, 0.0, 0.12, 0.4))
        assert np.hypot(*(after[:2] - state[:2])) > 0.02
    for push, step, place in path:
        want = push.start + (push.end - push.start) * step / push.steps
        assert np.linalg.norm(place - want) < 1.5e-3
    out_of_reach = state_of(seen(0.6))
    np.testing.assert_array_equal(env.system.push(out_of_reach, action_of(0.0, 0.0, 0.12, 0.4))[0], out_of_reach)


def test_without_pybullet_one_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pybullet", "pybullet_data"):
        monkeypatch.setitem(sys.modules, name, None)
    family = load("pushing")  # reading it needs nothing
    with pytest.raises(ConfigError, match=r"(?s)needs a package.*Linux and Python 3.11.*hyperdyn\[pushing\]"):
        family.simulate(family.nominal[None])


@pytest.mark.parametrize(("option", "value"), [("arm", "kukka"), ("obstacles", 4), ("shape", 1900.0)])
def test_an_option_that_cannot_be_is_named(option: str, value: object) -> None:
    pytest.importorskip("pybullet")
    with pytest.raises(ConfigError, match=str(int(value) if isinstance(value, float) else value)):
        load("pushing").make(load("pushing").nominal, **{option: value})


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"mass": 0.0}, "no object has such a mass"),
        ({"mass": float("nan")}, "no object has such a mass"),
        ({"friction": -1.0}, "such a friction"),
        ({"restitution": 3.0}, "such a restitution"),
        ({"com_x": 3.0}, "such a com_x"),
        ({"scale": 0.0}, "such a scale"),
        ({"scale": 5.0}, "such a scale"),
        ({"shape": float("nan")}, "such a shape"),
        ({"shape": -0.5}, "such a shape"),
        ({"obstacles": 1.5}, "number of obstacles"),
        ({"views": 0}, "cameras around the table"),
    ],
)
def test_an_argument_out_of_its_range_is_named(wrong: dict[str, Any], message: str) -> None:
    pytest.importorskip("pybullet")
    with pytest.raises(ConfigError, match=message):
        gymnasium.make("hyperdyn.envs:hyperdyn/Pushing-v0", **wrong)


def test_pictures_without_a_pixel_and_actions_that_are_no_numbers_are_refused() -> None:
    pytest.importorskip("pybullet")
    env = gymnasium.make("hyperdyn.envs:hyperdyn/Pushing-v0", pixels=0).unwrapped
    with pytest.raises(ConfigError, match="pictures"):
        env.views()
    with pytest.raises(ShapeError, match="finite"):
        env.step(np.array([0.0, np.nan, 0.0, 0.0]))
    with pytest.raises(ConfigError, match=r"env_kwargs\.views"):
        replace(load("pushing"), env_kwargs={"views": 2}).simulate(load("pushing").nominal[None])
