"""Laws of predicted pictures."""

from __future__ import annotations

import pytest
import torch
from overhead import SPEC, context, fit, pushes, views

from hyperdyn.models.foresight import Foresight, Motion
from hyperdyn.nn.vision.rigid import rigid_motion


@pytest.fixture
def model() -> Foresight:
    torch.manual_seed(0)
    made = Foresight(SPEC, cells=16, channels=(16, 16), hidden=32)
    fit(made.norm)
    return made


@pytest.fixture
def picture(model: Foresight) -> torch.Tensor:
    return model.lens.look(views((0.1, 0.06)), 1, torch.zeros(()))[:, None]


def motion(model: Foresight, change: torch.Tensor, moving: float) -> Motion:
    """Every pixel moves as a body whose pose changes so."""
    flow = rigid_motion(model.lens.centres(16, change), change)
    return Motion(flow, torch.full_like(flow[:, :, :1], moving), change)


def test_an_object_that_moves_as_one_looks_the_same_from_its_new_pose(model, picture):
    change = torch.tensor([[[0.04, -0.1, 1.2]]])
    after = model.next_picture(picture, motion(model, change, moving=1.0), change)
    torch.testing.assert_close(after, picture, atol=1e-5, rtol=0)


def test_what_does_not_move_is_left_behind(model, picture):
    step = model.lens.size / 16
    change = torch.tensor([[[2 * step, 0.0, 0.0]]])  # two pixels along x
    after = model.next_picture(picture, motion(model, change, moving=0.0), change)
    torch.testing.assert_close(after[..., :-2], picture[..., 2:], atol=1e-5, rtol=0)
    assert after[..., -2:].abs().max() < 1e-5
    still = torch.zeros(1, 1, 3)
    torch.testing.assert_close(
        model.next_picture(picture, motion(model, change, 0.0), still), picture, atol=1e-5, rtol=0
    )


def test_what_moves_beside_the_body_is_seen_to_move(model, picture):
    """Two pixels along x and one along y, from a frame that stays."""
    step = model.lens.size / 16
    own = motion(model, torch.tensor([[[2 * step, step, 0.0]]]), moving=1.0)
    after = model.next_picture(picture, own, torch.zeros(1, 1, 3))
    torch.testing.assert_close(after[..., 1:, 2:], picture[..., :-1, :-2], atol=1e-5, rtol=0)


def test_a_picture_is_composed_of_what_moves_and_what_stays(model, picture):
    change = torch.tensor([[[0.02, 0.03, 0.4]]])
    moved, stayed, half = (model.next_picture(picture, motion(model, change, m), change) for m in (1.0, 0.0, 0.5))
    torch.testing.assert_close(half, (moved + stayed) / 2, atol=1e-6, rtol=0)


def test_the_object_is_where_its_moving_pixels_went(model):
    """The pose is that of moving * flow, and of no pixel beside the object."""
    query, seen = pushes(1, 3), views((0.1, 0.06))
    picture = model.lens.look(seen, 1, torch.zeros(()))[:, None]
    found = model.move(picture, query.obs, query.action)
    p = model.lens.centres(16, found.flow)[:, picture[0, 0, 0] > 0]  # [2,M]
    q = p + (found.moving * found.flow)[0, :, :, picture[0, 0, 0] > 0]
    cos, sin = found.change[0, :, 2].cos(), found.change[0, :, 2].sin()
    turn = torch.stack([torch.stack([cos, -sin], -1), torch.stack([sin, cos], -1)], dim=-2)  # [N,2,2]
    middle = q.mean(-1) - (turn @ p.mean(-1)[None, :, None])[..., 0]
    torch.testing.assert_close(found.change[0, :, :2], middle, atol=1e-6, rtol=0)


def test_a_rollout_goes_on_from_the_predicted_picture(model):
    query = pushes(1, 3)
    expert = model.adapt(context(1, 2, views((0.1, 0.06))))
    first = expert.step(expert.start(query.obs), query.action)
    on = expert.step(first.state, query.action)
    again = expert.step(expert.start(first.next_obs), query.action)  # the picture is the first one again
    assert (on.next_obs - again.next_obs).abs().max() > 1e-5
    expected = model.next_picture(expert.picture[:, None], first.state.motion, first.state.motion.change)
    torch.testing.assert_close(on.state.picture, expected)


def test_history_changes_no_prediction(model):
    query, seen = pushes(2, 3), views((0.1, 0.06), (0.05, 0.09))
    first, second = (model.adapt(context(2, 4, seen, seed=seed)) for seed in (1, 2))
    found = [e.step(e.start(query.obs), query.action).next_obs for e in (first, second)]
    assert torch.equal(*found)
    assert not torch.equal(first.aux_loss, second.aux_loss)


def test_loss_of_the_next_picture_is_zero_where_the_motion_is_true(model, picture, monkeypatch):
    given = context(1, 3, views((0.1, 0.06)))
    change = model.planar.change(given.history.obs, given.history.next_obs)
    model.flow_weight, model.image_weight = 0.0, 1.0
    losses = []
    for wrong in (0.0, 0.04):
        off = change + torch.tensor([wrong, 0.0, 0.0])
        monkeypatch.setattr(Foresight, "move", lambda *_, off=off: motion(model, off, moving=1.0))
        losses.append(model.adapt(given).aux_loss)
    assert losses[0] < 1e-9
    assert losses[1] > 1e-3
