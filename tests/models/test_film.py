"""Scale and shift of hidden layers, folded into weights."""

import pytest
import torch
from torch.nn import functional

from hyperdyn.errors import ConfigError
from hyperdyn.models.base import rollout
from hyperdyn.models.film import Film
from hyperdyn.models.folded import FoldedExpert, folded
from hyperdyn.nn.encoders.mean_pool import MeanPoolEncoder
from hyperdyn.types import Context, StateSpec, Transitions

SPEC = StateSpec(obs_dim=3, action_dim=1)
B, K, N = 4, 6, 5
HIDDEN = (8, 6)


def history(k: int) -> Transitions:
    obs = torch.randn(B, k, 3, generator=torch.Generator().manual_seed(1))
    return Transitions(obs, obs[..., :1].tanh(), obs * 1.2 - 0.1)


@pytest.fixture
def model() -> Film:
    torch.manual_seed(0)
    model = Film(SPEC, MeanPoolEncoder, HIDDEN)
    model.norm.fit([history(200)])
    return model


def test_hidden_layers_are_scaled_and_shifted_before_the_activation(model):
    code, x = torch.randn(B, model.encoder.code_dim), torch.randn(B, N, SPEC.input_dim)
    gain, shift = model.modulation(code.tanh()).split(sum(HIDDEN), dim=1)
    h, start = x, 0
    for layer, size in zip((model.net[0], model.net[2]), HIDDEN, strict=True):
        part = slice(start, start + size)
        h = functional.silu((1 + gain[:, None, part]) * layer(h) + shift[:, None, part])
        start += size
    torch.testing.assert_close(model.modulated(code)(x), model.net[4](h), atol=1e-5, rtol=1e-5)


def test_a_code_of_zeros_leaves_the_plain_network(model):
    x = torch.randn(B, N, SPEC.input_dim)
    code = torch.zeros(B, model.encoder.code_dim)
    torch.testing.assert_close(model.modulated(code)(x), model.net(x), atol=1e-6, rtol=1e-6)


def test_no_modulation_makes_all_systems_one(model):
    given = Context(history(K), torch.ones(B, K, dtype=torch.bool))
    with torch.no_grad():
        model.modulation.weight.zero_()
    x = torch.randn(1, N, SPEC.input_dim).expand(B, N, -1)
    torch.testing.assert_close(model.adapt(given).net(x), model.net(x), atol=1e-6, rtol=1e-6)


@torch.no_grad()
def test_a_planner_steps_it_folded(model):
    given = Context(history(K), torch.ones(B, K, dtype=torch.bool))
    obs, action = torch.randn(B, N, 3), torch.rand(B, N, 4, 1) * 2 - 1
    quick = folded(model.adapt)(given)
    assert isinstance(quick, FoldedExpert)
    torch.testing.assert_close(
        rollout(quick, obs, action), rollout(model.adapt(given), obs, action), atol=1e-5, rtol=1e-5
    )


def test_a_network_without_hidden_layers_is_refused():
    with pytest.raises(ConfigError, match="there are none"):
        Film(SPEC, MeanPoolEncoder, hidden=[])
