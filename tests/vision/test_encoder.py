"""Laws of the encoder of views, and of the shape that it is judged by."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from ray_casting import Box, around, photograph
from torch import Tensor

from hyperdyn.callbacks.vision_error import add_guesses
from hyperdyn.errors import ConfigError
from hyperdyn.nn.vision.encoder import VoxelEncoder
from hyperdyn.nn.vision.geometry import Cube, beside
from hyperdyn.nn.vision.metrics import PlaceError, ShapeIoU
from hyperdyn.nn.vision.solid import occupied
from hyperdyn.views import Solid, Views

BOXES = [Box(0.05, -0.03, 0.6, (0.105, 0.075, 0.0825)), Box(-0.1, 0.1, 2.0, (0.06, 0.15, 0.05))]


def solid(boxes: list[Box], cells: int = 24) -> Solid:
    """The boxes' true shape, by hand."""
    at = (torch.arange(cells) + 0.5) / cells * 0.24
    x, y, z = torch.meshgrid(at - 0.12, at - 0.12, at, indexing="ij")
    full = [(x.abs() < b.edges[0] / 2) & (y.abs() < b.edges[1] / 2) & (z < b.edges[2]) for b in boxes]
    return Solid(torch.stack(full), torch.full((len(boxes),), 0.24), torch.zeros(len(boxes)))


def views(boxes: list[Box]) -> Views:
    alone = [photograph([box], around()) for box in boxes]
    names = ("rgb", "depth", "intrinsics", "extrinsics", "mask", "pose")
    together = Views(*(torch.cat([getattr(v, name) for v in alone]) for name in names))
    return replace(together.to(torch.float32), solid=solid(boxes))


@pytest.fixture
def encoder() -> VoxelEncoder:
    torch.manual_seed(0)
    return VoxelEncoder(code_dim=8, cells=16, levels=16, size=0.24, channels=(8, 16)).eval()


def code(encoder: VoxelEncoder, seen: Views | None) -> Tensor:
    return encoder(seen, 2).code


def test_the_code_depends_on_what_is_seen(encoder: VoxelEncoder) -> None:
    found = code(encoder, views(BOXES))
    assert (found[0] - found[1]).abs().max() > 1e-3
    wider = [replace(BOXES[0], edges=(0.165, 0.075, 0.0825)), BOXES[1]]
    assert (code(encoder, views(wider))[0] - found[0]).abs().max() > 1e-3


def test_without_views_all_systems_have_the_code_of_no_view(encoder: VoxelEncoder) -> None:
    torch.nn.init.normal_(encoder.no_view)
    sight = encoder(None, 2)
    assert torch.equal(sight.code, encoder.no_view.expand(2, 8))
    assert not sight.seen.any()
    blind = views(BOXES)
    blind.depth[1] = 0
    sight = encoder(blind, 2)
    assert torch.equal(sight.code[1], encoder.no_view)
    assert torch.equal(sight.code[0], code(encoder, views(BOXES))[0])
    assert sight.seen.tolist() == [True, False]


@pytest.mark.parametrize("garbage", [math.nan, math.inf, 1e30])
def test_pictures_of_a_system_that_was_not_seen_change_no_bit_of_code_or_gradient(garbage: float) -> None:
    torch.manual_seed(0)
    encoder = VoxelEncoder(code_dim=8, cells=16, levels=16, size=0.24, channels=(8, 16))
    found = []
    for value in (0.0, garbage):
        blind = views(BOXES)
        blind.depth[1] = 0
        for field in (blind.rgb, blind.pose):
            assert field is not None
            field[1] = value
        encoder.zero_grad()
        sight = encoder(blind, 2, torch.Generator().manual_seed(1))
        (sight.code.square().sum() + sight.aux_loss.sum()).backward()
        found.append([sight.code.detach(), sight.aux_loss.detach(), *(p.grad.clone() for p in encoder.parameters())])
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))
    assert all(torch.isfinite(v).all() for v in found[0])


def test_systems_of_a_batch_do_not_see_each_other(encoder: VoxelEncoder) -> None:
    together = code(encoder, views(BOXES))
    for b in range(2):
        torch.testing.assert_close(encoder(views(BOXES).part(slice(b, b + 1)), 1).code[0], together[b])


def test_the_code_is_that_of_the_object_wherever_the_scene_is_put(encoder: VoxelEncoder) -> None:
    """Scene and cameras turned and moved together; voxels are the same but for points on their edges."""
    box, angle = BOXES[0], 1.1
    c, s = math.cos(angle), math.sin(angle)
    moved = replace(box, x=c * box.x - s * box.y + 0.2, y=s * box.x + c * box.y, yaw=box.yaw + angle)
    cameras = [replace(camera, azimuth=camera.azimuth + angle, at=(0.2, 0.0)) for camera in around()]
    here, there = (encoder(photograph(*scene), 1).code for scene in (([box], around()), ([moved], cameras)))
    other = code(encoder, views(BOXES))[1]
    assert (here - there).abs().max() < 0.1 * (here - other).abs().max()


def test_an_object_whose_pose_nobody_knows_is_found(encoder: VoxelEncoder) -> None:
    """With a yaw of 0 the code is the same: the cube stands where the object is found."""
    straight = [replace(box, yaw=0.0) for box in BOXES]
    known = views(straight)
    assert known.pose is not None
    torch.testing.assert_close(encoder.place(replace(known, pose=None)), known.pose, atol=8e-3, rtol=0)
    assert encoder(replace(known, pose=None), 2).seen.all()


def test_the_code_is_that_of_the_object_where_it_is_and_only_guesses_are_jittered(encoder: VoxelEncoder) -> None:
    seen = views(BOXES)
    still = encoder(seen, 2)
    assert still.aux_loss is None
    encoder.train()
    draws = [encoder(seen, 2, torch.Generator().manual_seed(seed)) for seed in (0, 0, 1)]
    assert all(torch.equal(draw.code, still.code) for draw in draws)
    assert torch.equal(draws[0].aux_loss, draws[1].aux_loss)
    assert not torch.equal(draws[0].aux_loss, draws[2].aux_loss)


def test_a_box_beside_an_object_has_it_as_far_off_in_its_own_axes() -> None:
    pose = torch.tensor([[0.3, -0.2, 0.7], [-0.1, 0.1, -2.0]], dtype=torch.float64)
    off = torch.tensor([[0.02, -0.01, 0.3], [-0.01, 0.03, -0.2]], dtype=torch.float64)
    cube, box = Cube(16, 0.24), beside(pose, off)
    centre = torch.cat([pose[:, :2], pose.new_zeros(2, 1)], dim=1)[:, None]  # of each object
    found = cube.coordinates(centre, box)[:, 0, :2] * cube.resolution - cube.size / 2
    torch.testing.assert_close(found, -off[:, :2])
    torch.testing.assert_close(box[:, 2] - pose[:, 2], off[:, 2])


def test_what_is_asked_of_sight_is_the_same_wherever_the_whole_scene_stands(encoder: VoxelEncoder) -> None:
    """Objects and cameras are turned and moved together, so the same boxes are put beside the objects."""
    seen = views(BOXES)
    assert seen.pose is not None
    cos, sin = math.cos(1.9), math.sin(1.9)
    move = torch.tensor([[cos, -sin, 0, 0.3], [sin, cos, 0, -0.2], [0, 0, 1, 0], [0, 0, 0, 1]])
    centre = torch.cat([seen.pose[:, :2], torch.tensor([[0.0, 1.0]] * 2)], dim=1) @ move.T
    pose = torch.cat([centre[:, :2], seen.pose[:, 2:] + 1.9], dim=1)
    moved = replace(seen, extrinsics=seen.extrinsics @ torch.linalg.inv(move), pose=pose)
    encoder.train()
    for part in ("shape_weight", "pose_weight"):  # one after the other, so that neither hides the other
        for weight in ("shape_weight", "pose_weight"):
            setattr(encoder, weight, float(weight == part))
        here, there = (encoder(v, 2, torch.Generator().manual_seed(2)).aux_loss for v in (seen, moved))  # both are off
        torch.testing.assert_close(there, here, rtol=1e-4, atol=0)


def test_the_losses_of_a_share_of_the_systems_count_for_all() -> None:
    """The first of a batch, as often as there are others."""
    torch.manual_seed(0)
    encoder = VoxelEncoder(code_dim=8, cells=16, levels=16, size=0.24, channels=(8, 16))
    seen = views([BOXES[0]] * 2 + [BOXES[1]] * 2)
    whole = encoder(seen.part(slice(2)), 2, torch.Generator().manual_seed(0)).aux_loss
    encoder.share = 0.5
    shared = encoder(seen, 4, torch.Generator().manual_seed(0)).aux_loss
    assert torch.equal(shared, torch.cat([2 * whole, torch.zeros(2)]))


def test_what_is_not_known_costs_nothing() -> None:
    torch.manual_seed(0)
    encoder = VoxelEncoder(code_dim=8, cells=16, levels=16, size=0.24, channels=(8, 16))
    rng = torch.Generator().manual_seed(1)
    known = views(BOXES)
    assert (encoder(known, 2, rng).aux_loss > 0).all()
    blind = views(BOXES)
    blind.depth[1] = 0
    assert encoder(blind, 2, rng).aux_loss[1] == 0
    assert (encoder(replace(known, pose=None), 2, rng).aux_loss == 0).all()
    no_shape = VoxelEncoder(code_dim=8, cells=16, levels=16, size=0.24, channels=(8, 16), pose_weight=0.0)
    assert (no_shape(replace(known, solid=None), 2, rng).aux_loss == 0).all()
    assert (encoder(None, 2).aux_loss == 0).all()


def test_the_true_shape_turns_with_the_cube_that_looks_at_it() -> None:
    """In the object's own frame it is what is stored; in a cube turned by a quarter it is turned back by one."""
    cube, shape = Cube(24, 0.24), solid(BOXES)
    pose = torch.tensor([[0.3, -0.2, 0.7], [0.0, 0.1, -2.0]], dtype=torch.float64)
    assert torch.equal(occupied(shape, cube, pose), shape.occupancy)
    turned = occupied(shape, cube, pose, pose + torch.tensor([0.0, 0.0, math.pi / 2]))
    assert torch.equal(turned, shape.occupancy.rot90(-1, (1, 2)))
    front = replace(shape, yaw=torch.full((2,), math.pi / 2))
    assert torch.equal(occupied(front, cube, pose), shape.occupancy.rot90(1, (1, 2)))


def test_the_true_shape_is_the_same_at_mixed_precision() -> None:
    """To the voxel, of boxes beside the objects, far from where the world begins."""
    cube, shape = Cube(24, 0.24), solid(BOXES)
    pose = torch.tensor([[0.43, -0.31, 0.7], [-0.17, 0.29, -2.0]])
    box = beside(pose, torch.tensor([[0.007, -0.004, 0.13], [-0.009, 0.006, -0.19]]))
    expected = occupied(shape, cube, pose, box)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(occupied(shape, cube, pose, box), expected)


def test_the_true_shape_lies_where_the_points_are_seen(encoder: VoxelEncoder) -> None:
    """Moved cubes included: nine in ten voxels with a point are of the object or touch it."""
    seen = views(BOXES)
    assert seen.pose is not None
    assert seen.solid is not None
    off = torch.tensor([[0.03, -0.02, 0.5], [-0.02, 0.04, -0.3]])
    box = seen.pose + off
    points = encoder.look(seen, box)[:, 0] > 0
    full = occupied(seen.solid, encoder.cube, seen.pose, box).float()
    near = torch.nn.functional.max_pool3d(full, 3, stride=1, padding=1) > 0
    assert (points & near).sum() > 0.95 * points.sum()
    still = occupied(seen.solid, encoder.cube, seen.pose).float()
    assert (points & (torch.nn.functional.max_pool3d(still, 3, stride=1, padding=1) > 0)).sum() < 0.9 * points.sum()


def test_shape_and_pose_can_be_learned() -> None:
    """Of two objects, in a moment: the losses fall to a part of what knowing nothing costs."""
    torch.manual_seed(0)
    encoder = VoxelEncoder(
        code_dim=8, cells=8, levels=8, size=0.24, channels=(16,), jitter=(0.02, 0.3), pose_weight=1.0
    )
    optimiser = torch.optim.Adam(encoder.parameters(), lr=3e-3)
    seen, rng = views(BOXES), torch.Generator().manual_seed(0)
    losses = []
    for _ in range(100):
        loss = encoder(seen, 2, rng).aux_loss.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    assert sum(losses[-20:]) < 0.35 * sum(losses[:20])


def test_the_place_of_objects_whose_front_may_be_any_direction_can_be_learned() -> None:
    """Of boxes turned at random about two objects: an offset along the world's axes would not be in the voxels."""
    torch.manual_seed(0)
    encoder = VoxelEncoder(
        code_dim=8, cells=8, levels=8, size=0.24, channels=(16,), jitter=(0.02, 0.3), shape_weight=0.0, pose_weight=1.0
    )
    optimiser = torch.optim.Adam(encoder.parameters(), lr=1e-2)
    rng = torch.Generator().manual_seed(0)
    seen = views(BOXES * 4)

    def any_front() -> Views:
        return seen.turned(2 * math.pi * torch.rand(8, generator=rng))

    for _ in range(100):
        loss = encoder(any_front(), 8, rng).aux_loss.mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    iou, place = ShapeIoU(), PlaceError()
    for _ in range(4):
        add_guesses(encoder, any_front(), torch.rand(8, 3, generator=rng), iou, place)
    assert place.compute() < 0.6 * 0.02 * math.sqrt(2 / 3)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ConfigError, match="do not fit"):
        VoxelEncoder(cells=20)
    with pytest.raises(ConfigError, match="do not fit"):
        VoxelEncoder(levels=12)
    with pytest.raises(ConfigError, match="share"):
        VoxelEncoder(share=0.0)
    with pytest.raises(ConfigError, match="jitter"):
        VoxelEncoder(jitter=(0.0, 0.1))
    with pytest.raises(ConfigError, match="VoxelEncoder: code_dim"):
        VoxelEncoder(code_dim=0)
    with pytest.raises(ConfigError, match="workspace"):
        VoxelEncoder(workspace=(-0.5, 0.5))
