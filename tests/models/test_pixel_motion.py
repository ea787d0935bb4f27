"""Laws of the methods that predict a pose from how an object's pixels move."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from overhead import SPEC, context, fit, moved, moved_views, pushes, redirected, views
from torch import nn

from hyperdyn.errors import ConfigError
from hyperdyn.models.base import rollout
from hyperdyn.models.densephysnet import DensePhysNet
from hyperdyn.models.foresight import Foresight
from hyperdyn.types import Context, StateSpec, Transitions

BOXES = ((0.1, 0.06), (0.05, 0.09))
METHODS = [Foresight, DensePhysNet]


@pytest.fixture(params=METHODS)
def model(request) -> Foresight | DensePhysNet:
    torch.manual_seed(0)
    made = request.param(SPEC, cells=16, channels=(16, 16), hidden=32)
    fit(made.norm)
    return made


def silence(layer: nn.Module) -> None:
    for parameter in layer.parameters():
        nn.init.zeros_(parameter)


def test_a_scene_moved_as_a_whole_moves_the_prediction(model):
    shift, turn = (0.3, -0.2), 2.0
    model, query, given = model.double(), pushes(2, 4).to(torch.float64), context(2, 3, views(*BOXES)).to(torch.float64)
    h, action = given.history, torch.stack([query.action, query.action.flip(1)], dim=2)
    history = Transitions(moved(h.obs, shift, turn), redirected(h.action, turn), moved(h.next_obs, shift, turn))
    there = replace(given, history=history, views=moved_views(given.views, shift, turn))
    predicted = rollout(model.adapt(given), query.obs, action)
    elsewhere = rollout(model.adapt(there), moved(query.obs, shift, turn), redirected(action, turn))
    torch.testing.assert_close(elsewhere, moved(predicted, shift, turn), atol=1e-5, rtol=0)
    assert (predicted - query.obs[:, :, None])[..., :3].abs().max() > 1e-3  # something moves at all


def test_motion_of_zero_leaves_the_object_where_it_is(model):
    silence(model.head)
    query = pushes(2, 4)
    predicted = rollout(model.adapt(context(2, 3, views(*BOXES))), query.obs, query.action[:, :, None])
    torch.testing.assert_close(predicted[:, :, 0], query.obs, atol=1e-6, rtol=0)


def test_what_is_seen_matters(model):
    query, (wide, narrow) = pushes(1, 4), BOXES
    found = [
        rollout(model.adapt(context(1, 2, seen)), query.obs, query.action[:, :, None])
        for seen in (views(wide), views(narrow), views((0.0, 0.0)), None)
    ]
    assert (found[0] - found[1]).abs().max() > 1e-4
    assert (found[0] - found[3]).abs().max() > 1e-4
    torch.testing.assert_close(found[2], found[3], atol=1e-6, rtol=0)  # no pixel of it is as good as no look


def test_a_planted_rigid_law_is_learned(model):
    rows, given = pushes(1, 32, seed=3), context(1, 4, views(BOXES[0]))
    optimiser = torch.optim.Adam(model.parameters(), lr=1e-2)
    losses = []
    for _ in range(41):
        expert = model.adapt(given)
        error = model.norm.relative(expert.step(expert.start(rows.obs), rows.action).next_obs - rows.next_obs)
        losses.append(error.square().mean())
        optimiser.zero_grad()
        (losses[-1] + expert.aux_loss.mean()).backward()
        optimiser.step()
    assert losses[-1] < 0.05 * losses[0]


def test_the_loss_of_a_motion_of_zero_is_the_true_motion(model):
    """On the object's pixels, in closed form: a turn by b about the origin moves p by 2 sin(b/2) |p|."""
    silence(model.head)
    model.flow_weight, model.image_weight, model.flow_rows = 1.0, 0.0, 3
    given = context(1, 2, None)
    change = torch.tensor([0.03, -0.04, 0.0, 0.0, 0.0]), torch.tensor([0.0, 0.0, 0.5, 0.0, 0.0])
    h = given.history
    given = replace(given, history=Transitions(h.obs, h.action, h.obs + torch.stack(change)))
    at = model.lens.centres(16, h.obs)
    radius_sq = at.square().sum(0)[at.norm(dim=0) <= 0.05].mean()
    expected = (0.05**2 + 4 * torch.tensor(0.25).sin() ** 2 * radius_sq) / 2 / model.planar.unit**2
    if isinstance(model, Foresight):
        expected = expected / 2  # the other half are pixels beside it
    torch.testing.assert_close(model.adapt(given).aux_loss, expected[None], rtol=1e-4, atol=0)


def test_the_loss_is_asked_for_in_training_alone(model):
    given = context(2, 3, views(*BOXES))
    assert model.adapt(given).aux_loss.shape == (2,)
    assert (model.adapt(given).aux_loss > 0).all()
    none = Context(pushes(2, 3), torch.zeros(2, 3, dtype=torch.bool))
    assert torch.equal(model.adapt(none).aux_loss, torch.zeros(2))
    assert model.eval().adapt(given).aux_loss is None


def test_masked_transitions_have_no_part_in_the_loss(model):
    given = context(2, 4, views(*BOXES))
    h, rows = given.history, [1, 3]
    some = replace(given, mask=torch.tensor([False, True, False, True]).expand(2, 4))
    left = Context(Transitions(*(v[:, rows] for v in (h.obs, h.action, h.next_obs))), given.mask[:, rows], given.views)
    torch.testing.assert_close(model.adapt(some).aux_loss, model.adapt(left).aux_loss)


def test_each_square_moves_by_what_is_seen_of_all_of_the_object(model):
    """Features of one corner of the picture change the motion in the opposite one."""
    query = pushes(1, 2)
    x, direction = model.norm.inputs(query.obs, query.action), model.planar.directions(query.obs, query.action)
    glance = torch.zeros(1, 1, 16, 8, 8)
    other = glance.clone()
    other[..., 0, 0] = 1
    found = [model.head(*model.encounter(g, x, direction))[..., -1, -1] for g in (glance, other)]
    assert (found[0] - found[1]).abs().max() > 1e-6


def test_constant_entries_stay(model):
    query = pushes(2, 4)
    predicted = rollout(model.adapt(context(2, 3, None)), query.obs, query.action[:, :, None])
    assert torch.equal(predicted[:, :, 0, 3:], query.obs[..., 3:])


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("spec", [StateSpec(4, 2), replace(SPEC, constant=(3,), drop=(3,))], ids=["no frame", "more"])
def test_what_is_no_pose_is_refused(method, spec):
    with pytest.raises(ConfigError, match="pose"):
        method(spec)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("wrong", [{"cells": 30}, {"channels": (8,)}, {"hidden": 0}], ids=str)
def test_sizes_that_make_no_network_are_refused(method, wrong):
    with pytest.raises(ConfigError):
        method(SPEC, **wrong)
