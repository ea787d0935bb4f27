"""Where an object is found that nobody says the place of."""

from dataclasses import replace

import pytest
import torch
from ray_casting import Box, around, photograph

from hyperdyn.nn.vision.geometry import unproject
from hyperdyn.nn.vision.localise import locate

AROUND = around()
WORKSPACE = (-0.4, 0.4, -0.4, 0.4)


def test_an_alone_object_is_found_without_a_mask_wherever_it_stands() -> None:
    for x, y, yaw in ((0.0, 0.0, 0.0), (0.2, -0.1, 0.7), (-0.15, 0.25, 2.0)):
        views = photograph([Box(x, y, yaw, (0.12, 0.06, 0.08))], AROUND)
        cloud = unproject(views)
        for seen in (cloud, unproject(replace(views, mask=None))):
            torch.testing.assert_close(
                locate(seen, WORKSPACE)[0, :2], torch.tensor([x, y], dtype=torch.float64), atol=6e-3, rtol=0
            )


def test_with_a_mask_obstacles_do_not_matter() -> None:
    box, wall = Box(0.1, 0.1, 0.3, (0.1, 0.06, 0.1)), Box(-0.2, -0.2, 0, (0.05, 0.05, 0.05))
    alone, beside = (locate(unproject(photograph(boxes, AROUND)), WORKSPACE) for boxes in ([box], [box, wall]))
    torch.testing.assert_close(alone, beside, atol=5e-3, rtol=0)


@pytest.mark.parametrize("place", [(0.3, 0.0), (-0.3, 0.0), (0.0, 0.3), (0.0, -0.3)])
def test_what_stands_outside_the_workspace_is_not_the_object(place: tuple[float, float]) -> None:
    far = unproject(photograph([Box(*place, 0, (0.05, 0.05, 0.05))], AROUND))
    assert torch.isfinite(locate(far, WORKSPACE)).all()
    assert torch.isnan(locate(far, (-0.2, 0.2, -0.2, 0.2))[0, :2]).all()


def test_an_empty_table_has_no_object_on_it() -> None:
    views = photograph([Box(5, 5, 0, (0.1, 0.1, 0.1))], AROUND)
    assert torch.isnan(locate(unproject(replace(views, mask=None)), WORKSPACE)[0, :2]).all()
