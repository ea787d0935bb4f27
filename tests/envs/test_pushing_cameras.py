"""What the cameras return is calibrated: known points are where they should be, to a fraction of a millimetre."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="PyBullet has wheels for Linux and Python 3.11 only")

from hyperdyn.envs import load
from hyperdyn.envs.pushing.cameras import OBJECT, OBSTACLE, TABLE, Images, around_the_table
from hyperdyn.envs.pushing.environment import Pushing
from hyperdyn.envs.pushing.world import BOARD
from hyperdyn.envs.simulator import HasCameras


@pytest.fixture(scope="module")
def env() -> Pushing:
    family = load("pushing")
    made = family.make(family.nominal, obstacles=1, views=3, pixels=96).unwrapped
    assert isinstance(made, Pushing)
    made.reset(seed=1)
    return made


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
    np.testing.assert_allclose(points[kind == TABLE][:, 2], BOARD[2], atol=1e-4)
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
    simulator = family.simulate(family.nominal[None])
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
