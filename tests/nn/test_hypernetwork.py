import pytest
import torch

from hyperdyn.errors import ConfigError
from hyperdyn.nn.hypernetwork import HEADS, Hypernetwork
from hyperdyn.nn.mlp import MLPSpec

SPEC = MLPSpec((5, 16, 12, 3))
C = 6


@pytest.mark.parametrize("head", HEADS)
def test_a_code_of_zeros_gives_theta0(head):
    torch.manual_seed(0)
    net = Hypernetwork(SPEC, C, head, rank=2)
    torch.testing.assert_close(net(torch.zeros(2, C)), net.theta0.expand(2, -1), atol=0, rtol=0)


@pytest.mark.parametrize("head", HEADS)
def test_theta_is_theta0_plus_the_scaled_head(head):
    torch.manual_seed(0)
    net = Hypernetwork(SPEC, C, head, rank=2)
    code = torch.randn(4, C)
    change = (net(code) - net.theta0) / SPEC.scale()
    torch.testing.assert_close(change, net.head(code.tanh()), atol=1e-5, rtol=1e-4)
    assert change.shape == (4, SPEC.n_params)
    assert 0.05 < change.std() < 2  # of order one, as the scale assumes


@pytest.mark.parametrize("head", HEADS)
def test_however_large_a_code_its_weights_stay_where_training_could_lead(head):
    torch.manual_seed(0)
    net = Hypernetwork(SPEC, C, head, rank=2)
    code = torch.randn(4, C)
    corner = net.theta0 + net.scale * net.head(code.sign())
    torch.testing.assert_close(net(1e6 * code), corner)


@pytest.mark.parametrize("head", HEADS)
def test_every_parameter_of_a_head_has_a_gradient(head):
    torch.manual_seed(0)
    net = Hypernetwork(SPEC, C, head, rank=2)
    net(torch.randn(4, C)).square().sum().backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name


def test_low_rank_head_changes_weights_by_matrices_of_its_rank():
    torch.manual_seed(0)
    net = Hypernetwork(SPEC, C, "low_rank", rank=2).double()
    change = net.head(torch.randn(1, C).double())[0]
    for layer in SPEC.layers:
        assert torch.linalg.matrix_rank(change[layer.weight].view(layer.fan_out, layer.fan_in)) == 2


def test_per_layer_head_changes_one_layer_by_one_part_of_itself():
    torch.manual_seed(0)
    net = Hypernetwork(SPEC, C, "per_layer", rank=2)
    code = torch.randn(1, C)
    before = net(code)[0]
    with torch.no_grad():
        for parameter in net.head.layers[1].parameters():
            parameter.add_(1)
    changed = (net(code)[0] != before).nonzero().flatten()
    layer = SPEC.layers[1]
    assert changed.min() >= layer.weight.start
    assert changed.max() < layer.bias.stop


def test_cheaper_heads_are_smaller():
    wide = MLPSpec((24, 128, 128, 18))
    sizes = {head: sum(p.numel() for p in Hypernetwork(wide, 128, head, 8).head.parameters()) for head in HEADS}
    assert sizes["low_rank"] < sizes["full"]
    assert sizes["per_layer"] < sizes["full"]


def test_an_unknown_head_is_answered_with_those_there_are():
    with pytest.raises(ConfigError, match="full, low_rank, per_layer"):
        Hypernetwork(SPEC, C, "lowrank")
