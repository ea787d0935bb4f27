"""IoU of shapes and errors of poses, by hand."""

import math

import torch
from ray_casting import Box, around, photograph

from hyperdyn.callbacks.vision_error import add_guesses
from hyperdyn.nn.vision.encoder import VoxelEncoder
from hyperdyn.nn.vision.metrics import PoseError, ShapeIoU
from hyperdyn.views import Solid


def test_iou_is_the_mean_over_objects() -> None:
    true, guessed = torch.zeros(2, 3, 4, 4, 4, dtype=torch.bool)
    true[0, 0], guessed[0, :2] = True, True  # one half of the union
    true[1, 0, 0, 0], guessed[1, 0, 0, :3] = True, True  # 4 of 12, and 8 more
    metric = ShapeIoU()
    metric.update(guessed[:1], true[:1])
    metric.update(guessed[1:], true[1:])
    torch.testing.assert_close(metric.compute().item(), (1 / 2 + 1 / 3 + 1) / 3)
    assert math.isnan(ShapeIoU().compute())


def test_pose_errors_are_root_mean_squares_and_angles_wrap() -> None:
    metric = PoseError()
    metric.update(torch.tensor([[0.03, 0.04, math.pi - 0.1]]), torch.tensor([[0.0, 0.0, -math.pi + 0.1]]))
    metric.update(torch.zeros(1, 3), torch.zeros(1, 3))
    metres, degrees = metric.compute()
    torch.testing.assert_close(metres.item(), 0.05 / math.sqrt(2))
    torch.testing.assert_close(degrees.item(), math.degrees(0.2) / math.sqrt(2), atol=1e-4, rtol=0)


def test_guesses_are_judged_in_the_cube_that_was_shown() -> None:
    """An encoder that always guesses that nothing is off and the whole cube is full."""
    encoder = VoxelEncoder(code_dim=4, cells=8, levels=8, size=0.24, channels=(8,), jitter=(0.02, 0.3)).eval()
    for parameter in (*encoder.pose.parameters(), *encoder.shape.parameters()):
        torch.nn.init.zeros_(parameter)
    torch.nn.init.ones_(encoder.shape[-1].bias)
    box = Box(0.05, -0.03, 0.6, (0.105, 0.075, 0.0825))
    views = photograph([box], around()).to(torch.float32)
    full = torch.zeros(1, 24, 24, 24, dtype=torch.bool)
    full[:, :, :, :12] = True
    views = type(views)(*(getattr(views, n) for n in ("rgb", "depth", "intrinsics", "extrinsics", "mask", "pose")),
                        Solid(full, torch.tensor([0.24])))  # fmt: skip
    iou, pose = ShapeIoU(), PoseError()
    for seed in range(64):
        add_guesses(encoder, views, torch.Generator().manual_seed(seed), iou, pose)
    metres, degrees = pose.compute()
    assert 0.45 < iou.compute() <= 0.5
    assert abs(metres - 0.02 * math.sqrt(2 / 3)) < 0.002
    assert abs(degrees - math.degrees(0.3) / math.sqrt(3)) < 1.5
    unseen = views.part(slice(1))
    unseen.depth.zero_()
    before = iou.count.clone()
    add_guesses(encoder, unseen, torch.Generator().manual_seed(0), iou, pose)
    assert torch.equal(iou.count, before)
