"""Laws of features that are gathered push by push."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from overhead import SPEC, context, fit, pushes, views

from hyperdyn.models.densephysnet import DensePhysNet
from hyperdyn.nn.vision.flow import flow_error
from hyperdyn.nn.vision.recurrence import ConvGRU
from hyperdyn.nn.vision.rigid import rigid_motion
from hyperdyn.types import Context, Transitions

BOXES = ((0.1, 0.06), (0.05, 0.09))


@pytest.fixture
def model() -> DensePhysNet:
    torch.manual_seed(0)
    made = DensePhysNet(SPEC, cells=16, channels=(16, 16), hidden=32, features=8)
    fit(made.norm)
    return made


def rows(given: Context, index: slice | list[int]) -> Context:
    h = given.history
    history = Transitions(h.obs[:, index], h.action[:, index], h.next_obs[:, index])
    return replace(given, history=history, mask=given.mask[:, index])


def test_features_fused_one_by_one_are_those_fused_at_once(model):
    given = context(2, 4, views(*BOXES))
    picture = model.lens.look(given.views, 2, torch.zeros(()))
    glance, h = model.glance(picture), given.history
    state = model.prior(glance)
    for i in range(4):
        one = slice(i, i + 1)
        (event,) = model.events(picture, glance, h.obs[:, one], h.action[:, one], h.next_obs[:, one]).unbind(1)
        state = model.fuse(event, state)
        torch.testing.assert_close(model.adapt(rows(given, slice(0, i + 1))).features, state, atol=1e-5, rtol=1e-5)


def test_masked_rows_are_as_if_they_were_not_there(model):
    given = context(2, 5, views(*BOXES))
    some = replace(given, mask=torch.tensor([True, False, True, False, False]).expand(2, 5))
    left = rows(given, [0, 2])
    torch.testing.assert_close(model.adapt(some).features, model.adapt(left).features)
    torch.testing.assert_close(model.adapt(some).aux_loss, model.adapt(left).aux_loss)


def test_what_a_push_did_matters(model):
    given = context(1, 2, views(BOXES[0]))
    h = given.history
    other = replace(given, history=Transitions(h.obs, h.action, h.next_obs + torch.tensor([0.02, 0, 0.3, 0, 0])))
    assert (model.adapt(given).features - model.adapt(other).features).abs().max() > 1e-4


def test_without_history_features_are_those_of_the_look(model):
    seen = views(*BOXES)
    expert = model.adapt(context(2, 0, seen))
    prior = model.prior(model.glance(model.lens.look(seen, 2, torch.zeros(()))))
    torch.testing.assert_close(expert.features, prior)
    assert (expert.features[0] - expert.features[1]).abs().max() > 1e-4
    assert expert.code.shape == (2, 8)


def test_features_belong_to_their_place_on_the_object(model):
    """What was gathered in one corner changes the motion there and not in the opposite one, the whole picture apart."""
    query, given = pushes(1, 3), context(1, 2, views(BOXES[0]))
    expert = model.adapt(given)
    changed = expert.features.clone()
    changed[:, :, 0, 0] += 1
    glance = expert.glance.unsqueeze(1)
    with torch.no_grad():
        model.encounter.scatter.weight.zero_()
        model.head.whole.weight.zero_()
        found = [model.motion(glance, f.unsqueeze(1), query.obs, query.action) for f in (expert.features, changed)]
    difference = (found[0] - found[1]).abs().amax((0, 1, 2))  # [n,n]
    assert difference[:6, :6].max() > 1e-6
    assert difference[-2:, -2:].max() == 0


def test_the_loss_asks_for_each_push_what_those_before_it_tell(model):
    given = context(2, 4, views(*BOXES))
    model.flow_rows, model.flow_weight = 1, 1.0
    expert, h = model.adapt(rows(given, slice(0, 3))), given.history
    motion = model.motion(expert.glance[:, None], expert.features[:, None], h.obs[:, 3:], h.action[:, 3:])
    true = rigid_motion(model.lens.centres(16, motion), model.planar.change(h.obs[:, 3:], h.next_obs[:, 3:]))
    error = flow_error(motion, true, expert.picture[:, None, 0])[:, 0] / model.planar.unit**2
    torch.testing.assert_close(model.adapt(given).aux_loss, error)


def test_a_recurrent_unit_of_one_pixel_is_a_gated_recurrent_unit():
    torch.manual_seed(0)
    unit = ConvGRU(3, 4).double()
    event, state = torch.randn(2, 3, 1, 1).double(), torch.randn(2, 4, 1, 1).double()
    e = event[..., 0, 0] @ unit.event.weight[..., 0, 0].T + unit.event.bias
    h = state[..., 0, 0]
    gates = (e[:, :8] + h @ unit.gates.weight[..., 1, 1].T).sigmoid()
    new = torch.tanh(e[:, 8:] + (gates[:, 4:] * h) @ unit.candidate.weight[..., 1, 1].T)
    expected = (1 - gates[:, :4]) * h + gates[:, :4] * new
    torch.testing.assert_close(unit(event, state)[..., 0, 0], expected)
