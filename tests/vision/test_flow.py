"""Laws of what a flow network is told, and of what it says."""

from __future__ import annotations

import torch

from hyperdyn.nn.vision.flow import FlowHead, FlowSize, direction_maps, flow_error
from hyperdyn.nn.vision.topdown import TopDown

LENS = TopDown(cells=16, size=0.2)


def test_maps_say_how_far_a_square_is_along_and_to_the_left_of_a_direction() -> None:
    ahead, left = (1.0, 0.0), (0.0, 1.0)
    maps = direction_maps(LENS, torch.tensor([[[ahead, left]]]))[0, 0]  # x, y, along both, to the left of both
    x, y = LENS.centres(8, maps) / 0.1
    torch.testing.assert_close(maps, torch.stack([x, y, x, y, y, -x]))


def test_a_map_that_is_linear_in_place_stays_so_in_the_middle() -> None:
    """The motion of a rigid body is: it loses nothing by being predicted on fewer squares."""
    head = FlowHead(LENS, FlowSize.of(16, (4, 4), 8), outputs=2)
    coarse, fine = LENS.centres(4, torch.zeros(())), LENS.centres(16, torch.zeros(()))
    for parameter in head.parameters():
        torch.nn.init.zeros_(parameter)
    with torch.no_grad():
        head.whole.bias.copy_((3 * coarse + 2 * coarse.flip(0) + 1).flatten())
        said = head(torch.zeros(1, 1, 4, 4, 4), torch.zeros(1, 1, 8))[0, 0]
    expected = 3 * fine + 2 * fine.flip(0) + 1
    torch.testing.assert_close(said[:, 2:-2, 2:-2], expected[:, 2:-2, 2:-2])


def test_error_of_a_motion_is_a_mean_over_the_body() -> None:
    body = torch.zeros(16, 16)
    body[3:5, 3:5] = 1
    motion = torch.full((2, 16, 16), 7.0)
    motion[:, 3:5, 3:5] = torch.tensor([0.3, -0.4])[:, None, None]
    torch.testing.assert_close(flow_error(motion, torch.zeros_like(motion), body), torch.tensor(0.25))
    assert flow_error(motion, torch.zeros_like(motion), torch.zeros_like(body)) == 0
