"""IoU of shapes and errors of places, by hand."""

import math
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from ray_casting import Box, around, photograph

from hyperdyn.callbacks import vision_error
from hyperdyn.callbacks.vision_error import VisionError, add_guesses
from hyperdyn.nn.vision.encoder import VoxelEncoder
from hyperdyn.nn.vision.metrics import PlaceError, ShapeIoU
from hyperdyn.shards import Header, ShardStore
from hyperdyn.shards.views import views_bytes
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


def test_errors_of_places_are_root_mean_squares() -> None:
    metric = PlaceError()
    metric.update(torch.tensor([[0.03, 0.01]]), torch.tensor([[0.0, -0.03]]))
    metric.update(torch.zeros(1, 2), torch.zeros(1, 2))
    torch.testing.assert_close(metric.compute().item(), 0.05 / math.sqrt(2))
    assert math.isnan(PlaceError().compute())


def test_shape_and_place_are_curves_of_a_split_and_a_family(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ShardStore.create(tmp_path, Header("Boxes-v0", "boxes", ("width",), 2, 1, 0.05, 0))
    solid = Solid(torch.ones(1, 4, 4, 4, dtype=torch.bool), torch.tensor([0.1]))
    for n, x in enumerate((0.05, -0.1)):
        seen = replace(photograph([Box(x, 0.0, 0.6, (0.1, 0.1, 0.1))], around()).to(torch.float32), solid=solid)
        obs, action, looks = np.zeros((2, 4, 2)), np.zeros((2, 3, 1)), views_bytes((e, 0, seen) for e in range(2))
        store.append(split="extrapolation", system=n, round=0, factors=[x], obs=obs, action=action, views=looks)
    encoder = VoxelEncoder(code_dim=4, cells=8, levels=8, size=0.24, channels=(8,)).eval()
    logs = {"loggers": [], "callback_metrics": {}, "logged_metrics": {}}
    trainer = SimpleNamespace(global_rank=0, world_size=1, global_step=1, **logs)
    VisionError(str(tmp_path), splits=["extrapolation"]).evaluate(trainer, SimpleNamespace(vision=encoder))
    assert set(trainer.logged_metrics) == {"extrapolation/boxes/shape_iou", "extrapolation/boxes/place_error_m"}
    assert all(math.isfinite(value) for value in trainer.logged_metrics.values())
    draws: list[torch.Tensor] = []
    monkeypatch.setattr(vision_error, "add_guesses", lambda encoder, views, drawn, *_: draws.append(drawn))
    for rank, world_size in ((0, 1), (0, 2), (1, 2)):
        trainer = SimpleNamespace(global_rank=rank, world_size=world_size, global_step=1, **logs)
        VisionError(str(tmp_path), splits=["extrapolation"]).evaluate(trainer, SimpleNamespace(vision=encoder))
    torch.testing.assert_close(torch.cat(draws[1:]), draws[0])  # however many processes share the systems


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
    iou, place = ShapeIoU(), PlaceError()
    for seed in range(64):
        add_guesses(encoder, views, torch.rand(1, 3, generator=torch.Generator().manual_seed(seed)), iou, place)
    assert 0.45 < iou.compute() <= 0.5
    assert abs(place.compute() - 0.02 * math.sqrt(2 / 3)) < 0.002
    unseen = views.part(slice(1))
    unseen.depth.zero_()
    before = iou.count.clone()
    add_guesses(encoder, unseen, torch.rand(1, 3), iou, place)
    assert torch.equal(iou.count, before)
