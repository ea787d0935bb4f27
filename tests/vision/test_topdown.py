"""Laws of the picture of an object from above."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
from ray_casting import Box, Camera, around, photograph
from torch import Tensor

from hyperdyn.envs import load
from hyperdyn.errors import ConfigError
from hyperdyn.models.densephysnet import DensePhysNet
from hyperdyn.models.foresight import Foresight
from hyperdyn.nn.vision.topdown import HEIGHT_UNIT, TopDown, filled
from hyperdyn.views import Views

LENS = TopDown(cells=20, size=0.2)
BOX = Box(0.05, -0.03, 0.6, (0.09, 0.05, 0.04), colour=(0.8, 0.2, 0.1))
LIKE = torch.zeros((), dtype=torch.float64)


def cameras(moved: tuple[float, float] = (0.0, 0.0), turn: float = 0.0) -> list[Camera]:
    """Around the box, close enough for a point in each square; moved and turned about the origin."""
    c, s = math.cos(turn), math.sin(turn)
    at = (c * BOX.x - s * BOX.y + moved[0], s * BOX.x + c * BOX.y + moved[1])
    return [replace(camera, azimuth=camera.azimuth + turn, at=at, pixels=(96, 96), f=260.0) for camera in around()]


def look(views: Views | None, batch: int = 1, lens: TopDown = LENS) -> Tensor:
    return lens.look(views, batch, LIKE)


def test_a_box_is_where_it_is_as_high_and_of_its_colour() -> None:
    picture = look(photograph([BOX], cameras()))[0]
    x, y = LENS.centres(20, LIKE)
    inside = (x.abs() < 0.045 - 0.006) & (y.abs() < 0.025 - 0.006)  # squares of 10 mm, those on the edge apart
    outside = (x.abs() > 0.045 + 0.006) | (y.abs() > 0.025 + 0.006)
    assert (picture[0][inside] == 1).all()
    assert (picture[:, outside] == 0).all()
    torch.testing.assert_close(picture[1][inside], torch.full_like(picture[1][inside], 0.04 / HEIGHT_UNIT))
    colour = torch.tensor(BOX.colour, dtype=torch.float64)
    torch.testing.assert_close(picture[2:, inside], colour[:, None].expand(3, int(inside.sum())))


def test_a_scene_moved_and_turned_as_a_whole_gives_the_same_picture() -> None:
    turn, move = 0.7, (-0.12, 0.2)
    c, s = math.cos(turn), math.sin(turn)
    x, y = c * BOX.x - s * BOX.y + move[0], s * BOX.x + c * BOX.y + move[1]
    there = photograph([replace(BOX, x=x, y=y, yaw=BOX.yaw + turn)], cameras(move, turn))
    assert torch.equal(look(there)[:, 0], look(photograph([BOX], cameras()))[:, 0])
    torch.testing.assert_close(look(there), look(photograph([BOX], cameras())))


def test_a_mirrored_scene_gives_the_mirrored_picture() -> None:
    seen = photograph([BOX], cameras())
    mirrored = look(seen.mirrored(torch.tensor([True])))
    torch.testing.assert_close(mirrored, look(seen).flip(2))


def test_a_front_further_by_a_quarter_turn_turns_the_picture_back() -> None:
    seen = photograph([BOX], cameras())
    picture, turned = look(seen), look(seen.turned(torch.tensor([math.pi / 2])))
    torch.testing.assert_close(turned, picture.rot90(1, (2, 3)))


def test_holes_are_filled_and_nothing_is_added_around() -> None:
    whole = look(photograph([BOX], cameras()))
    full = whole[0, 0].nonzero()
    low, high = full.amin(0), full.amax(0)  # two holes within, each between points on all sides
    holed = whole.clone()
    for i, j in ((low[0] + 1, low[1] + 1), (high[0] - 1, high[1] - 2)):
        holed[:, :, i, j] = 0
    there = filled(holed)
    assert torch.equal(there[:, 0], whole[:, 0])
    torch.testing.assert_close(there[:, 2:], whole[:, 2:])
    assert torch.equal(filled(torch.zeros_like(whole)), torch.zeros_like(whole))
    point = torch.zeros_like(whole)
    point[:, :, 7, 9] = 1
    assert torch.equal(filled(point), point)


def test_a_coarse_image_shows_no_holes() -> None:
    coarse = [replace(camera, pixels=(40, 40), f=108.0) for camera in cameras()]
    x, y = LENS.centres(20, LIKE)
    inside = (x.abs() < 0.045 - 0.012) & (y.abs() < 0.025 - 0.012)
    assert (look(photograph([BOX], coarse))[0, 0][inside] == 1).all()


def test_other_things_on_the_table_are_not_in_it_where_the_object_is_known() -> None:
    other = Box(0.05, 0.035, 0.0, (0.03, 0.03, 0.03))
    lone, both = photograph([BOX], cameras()), photograph([BOX, other], cameras())
    hidden = look(lone)[:, 0] - look(both)[:, 0]  # an obstacle hides a few squares at most, and adds none
    assert hidden.min() >= 0
    assert hidden.sum() < 5
    assert look(replace(both, mask=None))[:, 0].sum() > look(both)[:, 0].sum() + 5


def test_an_object_that_nobody_looked_at_is_a_disc() -> None:
    x, y = LENS.centres(20, LIKE)
    picture = look(None, 3)
    assert picture.shape == (3, 5, 20, 20)
    assert torch.equal(picture[:, 0] == 1, (torch.hypot(x, y) <= 0.05).expand(3, 20, 20))
    assert (picture[:, 1:] == 0).all()
    seen = photograph([BOX], cameras())
    assert torch.equal(look(replace(seen, depth=torch.zeros_like(seen.depth))), look(None))


def test_an_object_without_a_pose_is_looked_for() -> None:
    straight = replace(BOX, yaw=0.0)
    seen = photograph([straight], cameras())
    found = look(replace(seen, pose=None))[0, 0]
    assert (found - look(seen)[0, 0]).abs().sum() <= 14  # a row of squares on an edge or two


def test_a_disc_larger_than_the_picture_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"radius.*\n"):
        TopDown(cells=16, size=0.1, radius=0.06)
    with pytest.raises(ConfigError, match="x low"):
        TopDown(cells=16, size=0.2, workspace=(-0.5, 0.5))


@pytest.mark.parametrize(
    ("method", "wrong"), [(Foresight, "flow_rows"), (DensePhysNet, "flow_rows"), (DensePhysNet, "features")]
)
def test_sizes_of_none_are_refused(method: Any, wrong: str) -> None:
    with pytest.raises(ConfigError, match=f"{method.__name__}: {wrong}"):
        method(load("pushing").state, **{wrong: 0})
