"""Views in a mirror, or of an object whose front is another: what voxels and the true shape make of them."""

from __future__ import annotations

from dataclasses import replace

import torch
from ray_casting import Box, around, photograph
from torch import Tensor

from hyperdyn.nn.vision.geometry import Cube, free_space, object_points, unproject, voxelise
from hyperdyn.views import Solid, Views

CUBE = Cube(cells=16, size=0.24)
BOX = Box(0.05, -0.03, 0.6, (0.105, 0.075, 0.0825))
WHICH = torch.tensor([True, False])


def two_views() -> Views:
    one = photograph([BOX], around())
    occupancy = torch.rand(2, 6, 6, 6, generator=torch.Generator().manual_seed(0)) < 0.5
    twice = Views(*(torch.cat([v, v]) for v in (one.rgb, one.depth, one.intrinsics, one.extrinsics)))
    assert one.mask is not None
    assert one.pose is not None
    solid = Solid(occupancy, torch.full((2,), 0.24), torch.tensor([0.2, -0.4]))
    return replace(twice, mask=torch.cat([one.mask] * 2), pose=torch.cat([one.pose] * 2), solid=solid)


def grids(views: Views) -> tuple[Tensor, Tensor]:
    assert views.pose is not None
    return voxelise(unproject(views).of_object().points(), CUBE, views.pose), free_space(views, CUBE, views.pose)


def test_a_crop_keeps_every_point_of_the_object_where_it_is() -> None:
    views = two_views()
    assert views.mask is not None
    small = views.cropped(40, height=0.04)
    assert small.depth.shape[2:] == (40, 40)
    assert small.rgb.shape[3:] == (40, 40)
    assert min(views.depth.shape[2:]) > 40
    assert small.mask is not None
    assert small.mask.sum() == views.mask.sum()
    before, after = object_points(views), object_points(small)
    torch.testing.assert_close(after.point, before.point)
    assert torch.equal(after.colour, before.colour)
    assert torch.equal(after.system, before.system)


def test_a_crop_is_of_the_object_and_stays_within_the_picture() -> None:
    """Also where the object stands at its edge or beyond it; a picture that is smaller is left as it is."""
    views = two_views()
    assert views.pose is not None
    away = replace(views, pose=views.pose + torch.tensor([5.0, 0.0, 0.0]))
    for shown, objects in ((views, True), (away, False)):
        small = shown.cropped(24)
        assert small.depth.shape[2:] == (24, 24)
        assert small.mask is not None
        assert small.mask[:, :, 8:16, 8:16].any((2, 3)).all() == objects
    whole = views.cropped(10**4)
    assert torch.equal(whole.depth, views.depth)
    assert torch.equal(whole.intrinsics, views.intrinsics)
    nowhere = replace(views, pose=torch.full_like(views.pose, torch.nan)).cropped(24)
    assert torch.isfinite(nowhere.intrinsics).all()
    assert replace(views, pose=None).cropped(24).depth is views.depth


def test_in_the_mirror_a_point_has_its_y_on_the_other_side() -> None:
    views = two_views()
    before, after = unproject(views).point, unproject(views.mirrored(WHICH)).point
    torch.testing.assert_close(after[0], before[0] * torch.tensor([1, -1, 1]))
    assert torch.equal(after[1], before[1])


def test_in_the_mirror_the_objects_grid_is_reflected() -> None:
    views = two_views()
    for before, after in zip(grids(views), grids(views.mirrored(WHICH)), strict=True):
        assert (after[0] - before[0].flip(2)).abs().gt(1e-9).float().mean() < 1e-3
        assert not torch.allclose(after[0], before[0])
        assert torch.equal(after[1], before[1])


def test_a_mirrored_shape_mirrored_again_is_the_same() -> None:
    views = two_views()
    again = views.mirrored(WHICH).mirrored(WHICH)
    assert views.solid is not None
    assert again.solid is not None
    assert torch.equal(again.extrinsics, views.extrinsics)
    assert torch.equal(again.solid.occupancy, views.solid.occupancy)
    once = views.mirrored(WHICH).solid
    assert once is not None
    assert torch.equal(once.occupancy[0], views.solid.occupancy[0].flip(1))
    assert once.yaw.tolist() == [-views.solid.yaw[0].item(), views.solid.yaw[1].item()]


def test_another_front_turns_the_grid_and_leaves_the_shape_where_it_is_in_the_world() -> None:
    views = two_views()
    angle = torch.tensor([torch.pi / 2, 0.0])
    turned = views.turned(angle)
    before, after = grids(views)[0], grids(turned)[0]
    quarter = before[0].rot90(-1, (1, 2))  # what lay along x lies along -y of an object that points a quarter further
    assert (after[0] - quarter).abs().gt(1e-9).float().mean() < 2e-3
    assert torch.equal(after[1], before[1])
    assert views.pose is not None
    assert turned.pose is not None
    assert views.solid is not None
    assert turned.solid is not None
    torch.testing.assert_close(turned.pose[:, 2] + turned.solid.yaw, views.pose[:, 2] + views.solid.yaw)
