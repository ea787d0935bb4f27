"""What the cameras return is calibrated: known points are where they should be, to a fraction of a millimetre."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="PyBullet has wheels for Linux and Python 3.11 only")

from hyperdyn.envs import load
from hyperdyn.envs.pushing.board import BOARD
from hyperdyn.envs.pushing.cameras import (
    BACKGROUND,
    FAR,
    NEAR,
    OBJECT,
    OBSTACLE,
    TABLE,
    TOOL,
    Camera,
    Images,
    around_the_table,
)
from hyperdyn.envs.pushing.environment import Pushing
from hyperdyn.envs.pushing.renderers import RENDERERS, egl, without_egl
from hyperdyn.envs.pushing.simulator import PushingSimulator
from hyperdyn.envs.simulator import HasCameras
from hyperdyn.errors import ConfigError


@cache
def why_not() -> str:
    return without_egl()


@pytest.fixture(scope="module", params=RENDERERS)
def env(request: pytest.FixtureRequest) -> Pushing:
    if request.param == "egl" and why_not():
        pytest.skip(f"EGL does not start here: {why_not()}")
    return made(request.param)


def made(renderer: str, arm: str = "cylinder") -> Pushing:
    family = load("pushing")
    env = family.make(family.nominal, arm=arm, obstacles=1, views=3, pixels=96, renderer=renderer).unwrapped
    assert isinstance(env, Pushing)
    env.reset(seed=1)
    return env


@pytest.fixture(scope="module")
def seen(env: Pushing) -> Images:
    return env.views()


def in_the_world(seen: Images, view: int) -> np.ndarray:
    """Points [h,w,3] at the centres of a camera's pixels."""
    depth, K, E = (np.asarray(a[view], np.float64) for a in (seen.depth, seen.intrinsics, seen.extrinsics))
    h, w = depth.shape
    column, row = np.meshgrid(np.arange(w) + 0.5, np.arange(h) + 0.5)
    rays = np.stack([column, row, np.ones_like(row)], axis=-1) @ np.linalg.inv(K).T * depth[..., None]
    return (rays - E[:3, 3]) @ E[:3, :3]


def half_a_step(env: Pushing, depth: float) -> float:
    """[m] Depth is a whole number of steps: of 16 bits, where the driver of OpenGL has no more."""
    if env.system.world.renderer == "tiny":
        return 0.0
    return depth**2 * (1 / NEAR - 1 / FAR) / 65535 / 2


def in_the_objects_frame(env: Pushing, points: np.ndarray) -> np.ndarray:
    x, y, yaw = env.state[0], env.state[1], env.state[7]
    c, s = np.cos(yaw), np.sin(yaw)
    return (points - (x, y, 0)) @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])


def test_shapes_and_ranges_are_those_of_views(seen: Images) -> None:
    assert seen.rgb.shape == (3, 3, 96, 96)
    assert seen.depth.shape == seen.segmentation.shape == (3, 96, 96)
    assert seen.intrinsics.shape == (3, 3, 3)
    assert seen.extrinsics.shape == (3, 4, 4)
    assert seen.rgb.dtype == seen.depth.dtype == seen.intrinsics.dtype == seen.extrinsics.dtype == np.float32
    assert seen.rgb.min() >= 0
    assert seen.rgb.max() <= 1
    assert {TABLE, OBJECT, OBSTACLE} <= set(np.unique(seen.segmentation))


@pytest.mark.parametrize("view", range(3))
def test_pixels_of_table_and_object_lie_on_table_and_object(env: Pushing, seen: Images, view: int) -> None:
    points, kind = in_the_world(seen, view), seen.segmentation[view]
    coarse = half_a_step(env, float(seen.depth[view].max()))
    np.testing.assert_allclose(points[kind == TABLE][:, 2], BOARD[2], atol=max(1e-4, coarse))
    (piece,) = env.system.world.solid.body.pieces  # convex: the surface is where the farthest plane is
    normal, distance = piece.planes
    outside = (in_the_objects_frame(env, points[kind == OBJECT]) @ normal.T - distance).max(axis=1)
    assert len(outside) > 20
    np.testing.assert_allclose(outside, 0, atol=5e-4)


@pytest.mark.parametrize("view", range(3))
def test_a_known_point_projects_to_a_pixel_whose_depth_agrees(env: Pushing, seen: Images, view: int) -> None:
    point = np.array([*env.state[:2], env.system.world.solid.body.height, 1.0])  # in the middle of the top
    x, y, z, _ = seen.extrinsics[view].astype(np.float64) @ point
    u, v, _ = seen.intrinsics[view].astype(np.float64) @ (x / z, y / z, 1.0)
    assert seen.segmentation[view, int(v), int(u)] == OBJECT
    assert seen.depth[view, int(v), int(u)] == pytest.approx(z, abs=5e-3)  # half a pixel of a slanted face


def test_cameras_are_rotations_that_look_at_the_table() -> None:
    for camera in around_the_table(5, distance=0.8, elevation=40.0):
        E = camera.extrinsics
        np.testing.assert_allclose(E[:3, :3] @ E[:3, :3].T, np.eye(3), atol=1e-12)
        assert np.linalg.det(E[:3, :3]) == pytest.approx(1)
        np.testing.assert_allclose(E @ (0, 0, 0, 1), [0, 0, 0.8, 1], atol=1e-12)  # its target, on its axis
        assert (E @ (0, 0, 0.1, 1))[1] < 0  # up in the world is up in the image


def test_looking_disturbs_nothing_and_the_simulator_sees_the_same(env: Pushing, seen: Images) -> None:
    family = load("pushing")
    simulator = PushingSimulator(family, family.nominal[None], renderer=env.system.world.renderer)
    assert isinstance(simulator, HasCameras)
    action = np.array([0.3, 0.1, 0.5, 0.2])
    before = simulator.rollout(env.state[None, None], action[None, None, None])
    views = simulator.views(0, env.state)
    np.testing.assert_array_equal(simulator.rollout(env.state[None, None], action[None, None, None]), before)
    assert views.rgb.shape == (1, 4, 3, 128, 128)
    np.testing.assert_allclose(views.pose[0], env.state[[0, 1, 7]], atol=1e-6)
    assert bool(views.mask.any())
    volume = float(views.solid.occupancy.float().mean() * views.solid.size**3)
    body = env.system.world.solid.body
    assert volume == pytest.approx(4 * body.outline(64).mean() ** 2 * body.height * np.pi / 4, rel=0.2)


def test_where_nothing_is_drawn_there_is_neither_depth_nor_body(env: Pushing) -> None:
    level = Camera((0.0, -0.8, 0.3), (0.0, 0.0, 0.3))
    seen = env.system.photograph(env.state, (level,), 60, 80)
    assert (seen.segmentation[0, :30] == BACKGROUND).all()
    np.testing.assert_array_equal(seen.depth == 0, seen.segmentation == BACKGROUND)
    assert (seen.segmentation[0, -1] != BACKGROUND).all()


def test_a_state_looks_the_same_whatever_was_seen_before(env: Pushing, seen: Images) -> None:
    family = load("pushing")
    other = PushingSimulator(family, family.draw("train", 1, 0), renderer=env.system.world.renderer)
    other.views(0, other.reset([5])[0])
    for name in ("rgb", "depth", "segmentation"):
        np.testing.assert_array_equal(getattr(env.views(), name), getattr(seen, name))


@pytest.mark.parametrize("arm", ["cylinder", "kuka", "panda"])
def test_renderers_see_the_same_shapes_at_the_same_depth_in_like_colours(arm: str) -> None:
    if why_not():
        pytest.skip(f"EGL does not start here: {why_not()}")
    env, tiny = made("egl", arm=arm), made("tiny", arm=arm).views()
    seen = env.views()
    for kind in (TABLE, OBJECT, OBSTACLE, *([] if arm == "cylinder" else [TOOL])):
        one, two = tiny.segmentation == kind, seen.segmentation == kind
        assert (one & two).sum() / (one | two).sum() > 0.98
    both = tiny.segmentation == seen.segmentation
    limit = 1e-5 + half_a_step(env, float(tiny.depth.max()))
    np.testing.assert_allclose(seen.depth[both], tiny.depth[both], atol=limit, rtol=0)
    assert np.abs(seen.rgb - tiny.rgb).max(axis=1)[both].mean() < 0.03


def test_the_table_has_neither_shadow_nor_glare(seen: Images) -> None:
    table = seen.rgb.transpose(0, 2, 3, 1)[seen.segmentation == TABLE]
    assert np.ptp(table, axis=0).max() < 0.02


def test_a_system_draws_with_its_own_renderer_whatever_others_use() -> None:
    if why_not():
        pytest.skip(f"EGL does not start here: {why_not()}")
    env, before = made("tiny"), made("tiny").views()
    other = made("egl").views()
    assert not np.array_equal(other.rgb, before.rgb)
    np.testing.assert_array_equal(env.views().rgb, before.rgb)


def test_a_renderer_that_the_simulator_would_not_use_is_refused() -> None:
    family = replace(load("pushing"), env_kwargs={"renderer": "egl"})
    with pytest.raises(ConfigError, match=r"(?s)got: .*egl.*expected: .*tiny.*fix: .*env\.simulator\.renderer=egl"):
        family.simulate(family.nominal[None])


def test_an_unknown_renderer_is_answered_with_those_that_exist() -> None:
    with pytest.raises(ConfigError, match=r"did you mean 'egl'\? there are: egl, tiny"):
        made("eg")


def test_pictures_larger_than_the_window_are_refused() -> None:
    if why_not():
        pytest.skip(f"EGL does not start here: {why_not()}")
    env = made("egl")
    assert env.system.photograph(env.state, env.cameras[:1], 768, 1024).depth.shape == (1, 768, 1024)
    with pytest.raises(ConfigError, match=r"(?s)769 x 1024.*renderer=tiny"):
        env.system.photograph(env.state, env.cameras[:1], 769, 1024)


def test_without_egl_there_is_an_error_that_names_tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("__EGL_VENDOR_LIBRARY_FILENAMES", "/nonexistent.json")  # libEGL then finds no driver
    monkeypatch.setenv("EGL_VISIBLE_DEVICES", "99")
    assert without_egl()
    monkeypatch.setattr("hyperdyn.envs.pushing.renderers.egl", egl.__wrapped__)  # as if never asked for
    env = made("egl")  # nothing is wrong until something is looked at
    env.step(np.zeros(4, np.float32))
    with pytest.raises(ConfigError, match=r"(?s)renderer=egl cannot draw.*got: .*expected: .*fix: .*renderer=tiny"):
        env.views()


LOOK = """
from hyperdyn.envs import load
family = load("pushing")
env = family.make(family.nominal, renderer="egl", pixels=16)
env.reset(seed=0)
print("before")
env.unwrapped.views()
print("after")
"""


def test_the_plug_in_says_nothing() -> None:
    if why_not():
        pytest.skip(f"EGL does not start here: {why_not()}")
    run = subprocess.run([sys.executable, "-c", LOOK], capture_output=True, text=True)
    assert run.stdout.split() == ["before", "after"]
    assert "EGL" not in run.stderr
