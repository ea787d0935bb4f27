"""The code beside state and action: in effect one plain network over [x, z]."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hyperdyn.models.base import rollout
from hyperdyn.models.concat import Concat
from hyperdyn.models.fixed import Fixed
from hyperdyn.models.folded import FoldedExpert, folded
from hyperdyn.nn.encoders.base import AbstractHistoryEncoder, Encoding
from hyperdyn.nn.encoders.information import InformationEncoder
from hyperdyn.types import Context, StateSpec, Transitions

SPEC = StateSpec(obs_dim=4, action_dim=2, drop=(0,), angles=(2,))
B, K, N, T, Z = 3, 6, 5, 4, 3


class CountingEncoder(AbstractHistoryEncoder):
    """The first Z entries of the mean row, and how often it was asked."""

    code_dim = Z
    asked = 0

    def encode(self, x: Tensor, y: Tensor, mask: Tensor) -> Encoding:
        self.asked += 1
        code = x.mean(1)[:, :Z]
        return Encoding(code, latent=code, aux_loss=code.sum(1))


def history(k: int = K) -> Transitions:
    rng = torch.Generator().manual_seed(1)
    obs = torch.randn(B, k, SPEC.obs_dim, generator=rng)
    return Transitions(obs, torch.randn(B, k, SPEC.action_dim, generator=rng), obs + 0.3 * obs.flip(1) - 0.1)


def context() -> Context:
    return Context(history(), torch.ones(B, K, dtype=torch.bool))


def build(encoder: Callable[[int, int], AbstractHistoryEncoder] = CountingEncoder) -> Concat:
    torch.manual_seed(0)
    model = Concat(SPEC, encoder, hidden=[8, 8])
    model.norm.fit([history(200)])
    return model


def query() -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(2)
    return torch.randn(B, N, SPEC.obs_dim, generator=rng), torch.randn(B, N, T, SPEC.action_dim, generator=rng)


@pytest.mark.parametrize("encoder", [CountingEncoder, InformationEncoder])
def test_predicts_as_a_plain_network_with_the_code_appended_to_each_row(encoder):
    model = build(encoder)
    expert = model.adapt(context())
    obs, action = query()
    s, expected = obs, []
    for a in action.unbind(2):
        x = model.norm.inputs(s, a)
        code = expert.code[:, None].expand(B, N, -1)
        s = model.norm.advance(s, model.net.net(torch.cat([x, code], dim=-1)))
        expected.append(s)
    torch.testing.assert_close(rollout(expert, obs, action), torch.stack(expected, dim=2), atol=1e-5, rtol=1e-5)


def test_with_no_weight_on_the_code_it_is_the_fixed_network():
    model = build()
    fixed = Fixed(SPEC, hidden=[8, 8])
    fixed.norm.load_state_dict(model.norm.state_dict())
    with torch.no_grad():
        model.net.net[0].weight[:, SPEC.input_dim :] = 0
        for mine, theirs in zip(fixed.net.parameters(), model.net.net.parameters(), strict=True):
            mine.copy_(theirs[:, : SPEC.input_dim] if theirs.shape[-1] == SPEC.input_dim + Z else theirs)
    expected = rollout(fixed.adapt(context()), *query())
    torch.testing.assert_close(rollout(model.adapt(context()), *query()), expected, atol=1e-5, rtol=1e-5)


def test_the_history_is_encoded_once_however_long_the_rollout():
    model = build()
    rollout(model.adapt(context()), *query())
    assert model.encoder.asked == 1


def test_the_encoders_own_loss_is_passed_on():
    expert = build().adapt(context())
    torch.testing.assert_close(expert.aux_loss, expert.code.sum(1))


@torch.no_grad()
def test_a_planner_steps_it_folded_with_the_first_layer_as_wide_as_that_of_the_fixed_network():
    model = build()
    quick = folded(model.adapt)(context())
    assert isinstance(quick, FoldedExpert)
    weight, bias = quick._net.layers[0]
    assert weight.shape == (1, SPEC.obs_dim + 2 * len(SPEC.angles) + SPEC.action_dim, 8)
    assert bias.shape == (B, 1, 8)
    torch.testing.assert_close(
        rollout(quick, *query()), rollout(model.adapt(context()), *query()), atol=1e-5, rtol=1e-5
    )


def test_the_network_that_is_reported_takes_the_code_too():
    assert build().executed_sizes == (SPEC.input_dim + Z, 8, 8, SPEC.obs_dim)
