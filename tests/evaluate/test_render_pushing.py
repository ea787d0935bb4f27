"""Drawings over a camera's picture lie where the camera sees what they stand for."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="PyBullet has wheels for Linux and Python 3.11 only")

from hyperdyn import envs
from hyperdyn.envs.pushing import rotations, scales
from hyperdyn.envs.pushing.cameras import OBJECT, Camera
from hyperdyn.envs.pushing.pushes import push_of
from hyperdyn.envs.pushing.simulator import PushingSimulator
from hyperdyn.envs.pushing.system import scene_of
from hyperdyn.render import Clip, gif, side_by_side
from hyperdyn.render.pushing import AFTER, BEFORE, HEIGHT, MOVING, WIDTH, PushView
from hyperdyn.render.silhouette import Lens, rim
from hyperdyn.render.video import BANNER, GAP

LENS = Lens(Camera((0.05, -0.5, 0.6), (0.02, 0.0, 0.0), 40.0), 360, 480)
RED = (255, 0, 0)
FAMILY = envs.load("pushing")


def factors(shape: int) -> np.ndarray:
    values = FAMILY.nominal.copy()
    values[0] = shape
    return values


def simulator(shape: int) -> PushingSimulator:
    made = FAMILY.simulate(factors(shape)[None])
    assert isinstance(made, PushingSimulator)
    return made


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@pytest.mark.parametrize("shape", [2, 3, 2001])  # a mesh, a polygon, a union
def test_a_silhouette_is_what_the_camera_sees_of_the_object(shape: int) -> None:
    system = simulator(shape).systems[0]
    state = system.start(np.random.default_rng(1))
    state[:2], state[7] = (0.04, -0.03), 0.7
    state[3:7] = rotations.about_z(0.7)
    seen = system.photograph(state, (LENS.camera,), LENS.height, LENS.width).segmentation[0] == OBJECT
    drawn = np.asarray(LENS.mask(system.world.solid.body, state[[0, 1, 7]])) > 0
    assert overlap(seen, drawn) > 0.95
    elsewhere = np.asarray(LENS.mask(system.world.solid.body, np.array([0.04, -0.03, 0.7 + np.pi / 2]))) > 0
    assert overlap(seen, elsewhere) < overlap(seen, drawn)


def test_a_rim_is_as_thick_as_asked_and_on_the_edge() -> None:
    mask = LENS.mask(simulator(3).systems[0].world.solid.body, np.zeros(3))
    inside, edge = np.asarray(mask) > 0, np.asarray(rim(mask, 2)) > 0
    row = np.flatnonzero(inside.any(1))[inside.any(1).sum() // 2]
    left, right = np.flatnonzero(inside[row])[[0, -1]]
    assert edge[row, left - 2 : left + 2].all()
    assert not edge[row, left - 8]
    assert not edge[row, (left + right) // 2]


def test_who_watches_a_push_sees_its_whole_course_and_changes_nothing() -> None:
    system = simulator(3).systems[0]
    state = system.start(np.random.default_rng(1))
    action = np.array([0.3, 0.1, 0.0, 0.5])
    seen: list[tuple[np.ndarray, np.ndarray]] = []
    watched = system.world.push(scene_of(state), action, lambda pose, tool: seen.append((pose, tool)))
    alone = system.world.push(scene_of(state), action)
    np.testing.assert_array_equal(watched.position, alone.position)
    np.testing.assert_allclose(seen[0][0][:2], state[:2], atol=1e-3)
    np.testing.assert_allclose(seen[-1][0][:2], alone.position[:2], atol=1e-6)
    turned = rotations.heading(alone.quaternion) - seen[-1][0][2]
    assert abs(np.angle(np.exp(1j * turned))) < 1e-3
    push = push_of(state[:2], action)
    on_way = np.array([tool for _, tool in seen if np.isfinite(tool).all()])
    np.testing.assert_allclose(on_way[0], push.start, atol=5e-3)
    assert np.linalg.norm(on_way[-1] - push.end) < 0.02
    along = (on_way - push.start) @ (push.end - push.start)
    assert (np.diff(along) > 0).all()
    assert not np.isfinite(seen[-1][1]).any()  # lifted


def clip(sim: PushingSimulator, pushes: int) -> Clip:
    """Pushes of system 3, and a guess 3 cm aside of each true result."""
    states = [sim.reset([4])[0]]
    action = np.random.default_rng(0).uniform(-1, 1, (pushes, 4)).astype(np.float32)
    for a in action.astype(np.float64):
        states.append(sim.push(0, states[-1], a)[0])
    predicted = sim.observe(np.stack(states[1:]))
    predicted[:, 0] += 0.03
    return Clip("hyper", np.stack(states), np.zeros(pushes), action, predicted)


def test_a_push_is_shown_as_plan_motion_and_result_and_the_shorter_episode_waits() -> None:
    sim = simulator(3)
    long = clip(sim, 2)
    short = Clip("fixed", long.states[:2], long.reward[:1], long.action[:1], long.predicted[:1])
    film = side_by_side(FAMILY, factors(3), [short, long])
    assert len(film.frames) == len(film.seconds) == 2 * (MOVING + 2)
    assert (film.seconds[0], film.seconds[MOVING + 1]) == (BEFORE, AFTER)
    assert film.frames[0].size == (2 * WIDTH + GAP, HEIGHT + BANNER)
    left = [frame.crop((0, 0, WIDTH, HEIGHT + BANNER)).tobytes() for frame in film.frames]
    assert left[MOVING + 1] == left[-1]
    assert len(set(left[: MOVING + 2])) == MOVING + 2
    assert len(gif(film)) < 4e5


def test_the_expected_outline_is_drawn_where_it_was_expected() -> None:
    sim = simulator(3)
    shown = clip(sim, 1)
    view = PushView(sim, [shown.states])
    picture = np.asarray(view.panel(shown, RED).pictures[-1]).astype(int)
    red = (picture[..., 0] > 200) & (picture[..., 1:].max(-1) < 60)
    body, lens = sim.systems[0].world.solid.body, view._lens
    assert shown.predicted is not None
    wanted = np.asarray(rim(lens.mask(body, shown.predicted[0, :3]), 4).resize((WIDTH, HEIGHT))) > 0
    assert red.sum() > 100
    assert (red & wanted).sum() > 0.95 * red.sum()


def test_an_episode_is_shown_until_it_is_at_the_goal() -> None:
    sim = simulator(3)
    shown = clip(sim, 2)
    states = shown.states.copy()
    goal = slice(8, 11)
    states[:, goal] = states[1][[0, 1, 7]]  # where the first push ended
    panel = PushView(sim, [states]).panel(Clip("m", states, shown.reward, shown.action), RED)
    assert len(panel.pictures) == MOVING + 2
    assert panel.notes[-1] == ("push 1 of 2", "at the goal")
    assert panel.notes[0][1].endswith("°")


def test_everything_that_matters_is_in_the_picture() -> None:
    sim = simulator(3)
    states = np.stack([sim.reset([seed])[0] for seed in range(6)])
    lens = PushView(sim, [states])._lens
    for obs in sim.observe(states):
        for x, y in (obs[scales.POSITION], obs[scales.GOAL][:2]):
            right, down = lens.pixels(np.array([x, y, 0.0]))
            assert 0.05 < right / lens.width < 0.95
            assert 0.05 < down / lens.height < 0.95
