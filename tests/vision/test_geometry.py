"""Laws of the way from pixels to voxels."""

from __future__ import annotations

import math
from dataclasses import fields, replace

import pytest
import torch
from ray_casting import Box, Camera, around, photograph
from torch import Tensor

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.nn.vision.geometry import Cloud, Cube, free_space, object_points, unproject, voxelise
from hyperdyn.views import Views

AROUND = around()
CUBE = Cube(cells=16, size=0.24)
OBJECT = Box(0.05, -0.03, 0.6, (0.105, 0.075, 0.0825))  # faces in the middle of voxels


def filled(views: Views, pose: Tensor | None = None) -> Tensor:
    """Voxels [B,n,n,n] in which the object was seen."""
    assert views.pose is not None
    return voxelise(unproject(views).of_object().points(), CUBE, views.pose if pose is None else pose)[:, 0] > 0


def blank(camera: Camera) -> Views:
    """What one camera sees where there is nothing."""
    h, w = camera.pixels
    inside, outside = camera.intrinsics()[None, None], camera.extrinsics()[None, None]
    zero = torch.zeros(1, 1, h, w, dtype=torch.float64)
    return Views(torch.zeros(1, 1, 3, h, w, dtype=torch.float64), zero, inside, outside)


def voxel_of(point: Tensor, pose: Tensor) -> tuple[int, ...]:
    """Worked out by hand: turned back, moved to a corner of the cube, divided by the edge of a voxel."""
    x, y = (point[:2] - pose[:2]).tolist()
    c, s = math.cos(float(pose[2])), math.sin(float(pose[2]))
    own = c * x + s * y + CUBE.size / 2, -s * x + c * y + CUBE.size / 2, float(point[2]) - CUBE.table
    return tuple(math.floor(v / CUBE.resolution) for v in own)


@pytest.mark.parametrize("seed", range(25))
def test_a_point_of_known_position_lands_in_its_voxel_from_any_camera(seed: int) -> None:
    rng = torch.Generator().manual_seed(seed)
    draw = lambda low, high: low + (high - low) * float(torch.rand((), generator=rng))  # noqa: E731
    camera = Camera(draw(-4, 4), draw(0.2, 1), draw(0.2, 1), (draw(-0.5, 0.5), draw(-0.5, 0.5)), (9, 13), draw(5, 30))
    row, column = (int(torch.randint(0, n, (), generator=rng)) for n in camera.pixels)
    depth = draw(0.3, 1.5)
    eye, (right, down, forward) = camera.pose()
    point = eye + depth * ((column + 0.5 - 6.5) / camera.f * right + (row + 0.5 - 4.5) / camera.f * down + forward)

    views = blank(camera)
    views.depth[0, 0, row, column] = depth
    views.rgb[0, 0, :, row, column] = torch.tensor([0.1, 0.2, 0.3])
    cloud = unproject(views)
    torch.testing.assert_close(cloud.point[0, row * 13 + column], point)

    own = torch.tensor([draw(-0.12, 0.12), draw(-0.12, 0.12)])  # where in the cube the point is to lie
    cube = replace(CUBE, table=float(point[2]) - draw(0, CUBE.size))
    pose = torch.tensor([*(point[:2] - own).tolist(), draw(-7, 7)], dtype=torch.float64)
    grid = voxelise(cloud.points(), cube, pose[None])[0]
    x, y, z = voxel_of(point - torch.tensor([0, 0, cube.table]), pose)
    turned_out = not all(0 <= v < CUBE.cells for v in (x, y, z))
    assert grid[0].sum() == (0 if turned_out else 1)
    if not turned_out:
        torch.testing.assert_close(grid[:, x, y, z], torch.tensor([1, 0.1, 0.2, 0.3], dtype=torch.float64))


def test_all_cameras_agree_on_where_the_surface_is() -> None:
    views = photograph([OBJECT], AROUND)
    for v in range(len(AROUND)):
        one = Views(*(getattr(views, f.name)[:, v : v + 1] for f in fields(Views)[:5]))
        cloud = unproject(one)
        assert cloud.object is not None
        assert cloud.object.sum() > 30
        assert OBJECT.outside(cloud.point[cloud.object]).abs().max() < 1e-9
        table = cloud.point[cloud.seen & ~cloud.object]
        assert table[:, 2].abs().max() < 1e-9


@pytest.mark.parametrize("angle", [0.3, math.pi / 2, 2.5, -1.0])
def test_turning_and_moving_cameras_and_scene_leaves_the_objects_grid(angle: float) -> None:
    c, s, shift = math.cos(angle), math.sin(angle), (0.3, -0.2)

    def moved(x: float, y: float) -> tuple[float, float]:
        return c * x - s * y + shift[0], s * x + c * y + shift[1]

    box = replace(OBJECT, yaw=OBJECT.yaw + angle, **dict(zip("xy", moved(OBJECT.x, OBJECT.y), strict=True)))
    cameras = [replace(camera, azimuth=camera.azimuth + angle, at=moved(*camera.at)) for camera in AROUND]
    before, after = photograph([OBJECT], AROUND), photograph([box], cameras)
    torch.testing.assert_close(before.depth, after.depth)  # the pictures are the same
    assert filled(before).sum() > 100
    assert (filled(before) != filled(after)).sum() <= 0.02 * filled(before).sum()  # points on the edge of a voxel


def test_cameras_that_go_round_the_object_see_the_same_grid_up_to_a_voxel() -> None:
    ring = [Camera(k * math.pi / 4, at=(OBJECT.x, OBJECT.y), pixels=(128, 128), f=250) for k in range(8)]
    before = filled(photograph([OBJECT], ring))
    after = filled(photograph([OBJECT], [replace(camera, azimuth=camera.azimuth + 0.3) for camera in ring]))
    for one, other in ((before, after), (after, before)):
        near = torch.nn.functional.max_pool3d(other.double(), 3, stride=1, padding=1) > 0
        assert not (one & ~near).any()
    assert (before & after).sum() > 0.8 * (before | after).sum()


def test_a_grid_in_the_objects_frame_is_as_long_as_the_object() -> None:
    where = filled(photograph([OBJECT], AROUND))[0].nonzero()
    extent = (where.amax(0) - where.amin(0) + 1) * CUBE.resolution
    torch.testing.assert_close(extent, torch.tensor(OBJECT.edges), atol=1.01 * CUBE.resolution, rtol=0)


@pytest.mark.parametrize("nothing", [0.0, -1.0, math.nan, math.inf])
def test_pixels_without_a_depth_are_ignored_with_their_colours(nothing: float) -> None:
    views = photograph([OBJECT], AROUND)
    hole = torch.zeros_like(views.depth, dtype=torch.bool)
    hole[:, :2] = True
    spoilt = replace(views, depth=views.depth.masked_fill(hole, nothing))
    spoilt = replace(spoilt, rgb=views.rgb.masked_fill(hole.unsqueeze(2), math.nan))
    two = Views(*(getattr(views, f.name)[:, 2:] for f in fields(Views)[:5]), views.pose)
    assert views.pose is not None
    cloud = unproject(spoilt)
    assert not cloud.seen[hole.flatten(1)].any()
    assert not torch.cat([cloud.point, cloud.colour], dim=-1)[hole.flatten(1)].any()
    grids = [voxelise(unproject(v).of_object().points(), CUBE, views.pose) for v in (spoilt, two)]
    assert torch.equal(*grids)
    assert torch.equal(free_space(spoilt, CUBE, views.pose), free_space(two, CUBE, views.pose))


def test_what_lies_outside_the_cube_is_ignored() -> None:
    alone, beside = ([OBJECT, *more] for more in ([], [Box(-0.2, -0.2, 0, (0.05, 0.05, 0.1))]))
    views = [replace(photograph(boxes, AROUND), mask=None) for boxes in (alone, beside)]
    assert torch.equal(filled(views[0]), filled(views[1]))


def test_a_mask_leaves_out_what_is_not_the_object() -> None:
    touching = Box(0.05, 0.06, 0, (0.05, 0.05, 0.05))
    seen = photograph([OBJECT, touching], AROUND)
    cloud = unproject(seen).of_object()
    assert OBJECT.outside(cloud.point[cloud.seen]).abs().max() < 1e-9
    assert filled(replace(seen, mask=None)).sum() > filled(seen).sum()


@pytest.mark.parametrize("known", [True, False])
def test_the_objects_points_are_those_of_all_pixels_that_show_it(known: bool) -> None:
    one = photograph([OBJECT, Box(0.05, 0.06, 0, (0.05, 0.05, 0.05))], AROUND)
    two = Views(*(torch.cat([getattr(one, f.name)] * 2) for f in fields(Views)[:6]))
    two.depth[1, 0] = 0
    views = two if known else replace(two, mask=None)
    cloud, points = unproject(views).of_object(), object_points(views)
    for b in range(2):
        torch.testing.assert_close(points.point[points.system == b], cloud.point[b][cloud.seen[b]])
        torch.testing.assert_close(points.colour[points.system == b], cloud.colour[b][cloud.seen[b]])


def test_a_box_is_the_lower_part_of_a_cube() -> None:
    views, low = photograph([OBJECT], AROUND), replace(CUBE, levels=3)
    assert views.pose is not None
    points = unproject(views).of_object().points()
    assert torch.equal(voxelise(points, low, views.pose), voxelise(points, CUBE, views.pose)[..., :3])
    assert torch.equal(free_space(views, low, views.pose), free_space(views, CUBE, views.pose)[..., :3])
    with pytest.raises(ConfigError, match="levels"):
        replace(CUBE, levels=17)


def test_systems_of_a_batch_do_not_see_each_other() -> None:
    boxes = [OBJECT, replace(OBJECT, x=0.0, yaw=2.0), Box(0, 0, 0, (0.05, 0.05, 0.2))]
    alone = [photograph([box], AROUND) for box in boxes]
    together = Views(*(torch.cat([getattr(v, f.name) for v in alone]) for f in fields(Views)[:6]))
    assert together.pose is not None
    for b, views in enumerate(alone):
        assert torch.equal(filled(together)[b], filled(views)[0])
        assert torch.equal(free_space(together, CUBE, together.pose)[b], free_space(views, CUBE, together.pose[[b]])[0])


def test_colours_of_a_voxel_are_averaged() -> None:
    point = torch.tensor([[[0.001, 0.001, 0.05], [0.002, 0.002, 0.051], [0.002, 0.002, 0.051]]])
    colour = torch.tensor([[[0.0, 0.3, 0.9], [1.0, 0.3, 0.1], [math.nan] * 3]])
    seen = torch.tensor([[True, True, False]])
    grid = voxelise(Cloud(point, torch.where(seen[..., None], colour, 0), seen).points(), CUBE, torch.zeros(1, 3))
    assert grid[:, 0].sum() == 1
    torch.testing.assert_close(grid[0, :, 8, 8, 3], torch.tensor([1, 0.5, 0.3, 0.5]))


def test_space_is_free_between_camera_and_surface_and_nowhere_else() -> None:
    """One camera high above: free above the box, not inside it, not under it; free down to the table beside it."""
    box = Box(0, 0, 0, (0.12, 0.12, 0.09))
    views = photograph([box], [Camera(0.0, distance=1e-3, height=1.0, pixels=(64, 64), f=100)])
    assert views.pose is not None
    free = free_space(views, CUBE, views.pose)[0, 0] > 0  # voxels of 15 mm
    assert free[7:9, 7:9, 7:].all()
    assert not free[7:9, 7:9, :6].any()
    assert free[1, 1, 1:].all()


def test_middles_of_voxels_have_whole_coordinates_and_a_half() -> None:
    pose = torch.tensor([[0.3, -0.2, 4.0], [0.0, 0.1, -0.7]], dtype=torch.float64)
    cube = Cube(5, 0.3, table=0.2)
    back = cube.coordinates(cube.centres(pose).flatten(2).mT, pose).reshape(2, 5, 5, 5, 3)
    x, y, z = torch.meshgrid(*[torch.arange(5, dtype=torch.float64) + 0.5] * 3, indexing="ij")
    torch.testing.assert_close(back, torch.stack([x, y, z], -1).expand_as(back))


def test_views_that_do_not_fit_themselves_are_refused() -> None:
    views = photograph([OBJECT], AROUND)
    with pytest.raises(ShapeError, match="rgb of views"):
        unproject(replace(views, rgb=views.rgb[:, :, :, 1:]))
    with pytest.raises(ConfigError, match="a cube of voxels"):
        Cube(0, 0.2)
