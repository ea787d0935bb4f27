"""The numbers that the authors' released code fixes."""

import pytest
import torch
from torch import nn

from hyperdyn.models.hyper_released import HyperReleased
from hyperdyn.types import Context, StateSpec, Transitions


@pytest.fixture
def model() -> HyperReleased:
    torch.manual_seed(0)
    return HyperReleased(StateSpec(obs_dim=20, action_dim=6))


def sizes(net: nn.Module) -> list[int]:
    linears = [m for m in net.modules() if isinstance(m, nn.Linear)]
    return [linears[0].in_features, *(m.out_features for m in linears)]


def test_sizes_on_cheetah_slope_are_those_released(model):
    assert sizes(model.encoder) == [416, 128, 128, 1]
    assert sizes(model.hypernetwork) == [1, 32, 22548]
    assert model.executed_sizes == (26, 128, 128, 20)
    assert model.expert_spec.activation == "relu"
    assert [type(m) for m in model.hypernetwork] == [nn.Linear, nn.LeakyReLU, nn.Linear]


def test_hypernetwork_starts_normal_with_deviation_a_tenth(model):
    for parameter in model.hypernetwork[2].parameters():
        assert parameter.std().item() == pytest.approx(0.1, rel=0.02)
        assert parameter.abs().max() > 0.3  # a uniform draw of that deviation ends at 0.17


def test_all_weights_are_generated_from_one_number(model):
    rng = torch.Generator().manual_seed(0)
    obs, action = torch.randn(2, 16, 20, generator=rng), torch.randn(2, 16, 6, generator=rng)
    expert = model.adapt(Context(Transitions(obs, action, obs), torch.ones(2, 16, dtype=torch.bool)))
    assert expert.code.shape == (2, 1)
    torch.testing.assert_close(expert.theta, model.hypernetwork(expert.code), atol=0, rtol=0)


def test_code_reads_observation_and_action_but_not_what_came_of_them(model):
    rng = torch.Generator().manual_seed(0)
    obs, action = torch.randn(1, 16, 20, generator=rng), torch.randn(1, 16, 6, generator=rng)
    mask = torch.ones(1, 16, dtype=torch.bool)
    code = model.adapt(Context(Transitions(obs, action, obs), mask)).code
    assert torch.equal(code, model.adapt(Context(Transitions(obs, action, obs + 1), mask)).code)
    assert not torch.equal(code, model.adapt(Context(Transitions(obs, action + 1, obs), mask)).code)
