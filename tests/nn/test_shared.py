"""A network that systems share in part is B plain networks."""

import pytest
import torch

from hyperdyn.nn.coded import CodedMLP
from hyperdyn.nn.mlp import mlp
from hyperdyn.nn.shared import SharedMLP, shared_layers

B, N, SIZES = 3, 5, (4, 8, 8, 2)


@pytest.mark.parametrize("own", [(), (0,), (1,), (2,), (0, 1, 2)])
@pytest.mark.parametrize("what", ["weight", "bias", "both"])
@pytest.mark.parametrize("batch", [1, B])
def test_each_system_gets_what_a_plain_network_with_its_layers_gives(own: tuple[int, ...], what: str, batch: int):
    torch.manual_seed(0)
    nets = [mlp(SIZES) for _ in range(batch)]
    with torch.no_grad():  # what is not a system's own is the first system's
        for net in nets:
            for i, (layer, first) in enumerate(zip(net[::2], nets[0][::2], strict=True)):
                if i not in own or what == "bias":
                    layer.weight.copy_(first.weight)
                if i not in own or what == "weight":
                    layer.bias.copy_(first.bias)
    layers = []
    for i, each in enumerate(zip(*map(shared_layers, nets), strict=True)):
        weight, bias = (torch.cat(parts) for parts in zip(*each, strict=True))
        mine = i in own
        layers.append(
            (weight if mine and what != "bias" else weight[:1], bias if mine and what != "weight" else bias[:1])
        )
    x = torch.randn(batch, N, SIZES[0])
    expected = torch.stack([net(rows) for net, rows in zip(nets, x, strict=True)])
    torch.testing.assert_close(SharedMLP(layers, torch.nn.functional.silu)(x), expected)


@pytest.mark.parametrize("sizes", [SIZES, (4, 2)], ids=["deep", "linear"])
def test_a_code_is_read_as_if_it_stood_beside_every_row(sizes: tuple[int, ...]):
    torch.manual_seed(0)
    coded = CodedMLP(sizes, code_dim=6, activation="tanh")
    x, code = torch.randn(B, N, 4), torch.randn(B, 6)
    beside = torch.cat([x, code[:, None].expand(B, N, 6)], dim=-1)
    torch.testing.assert_close(coded(code)(x), coded.net(beside))
    assert coded.sizes == (10, *sizes[1:])


def test_the_weights_of_the_input_begin_as_without_a_code():
    """Uniform within 1 / sqrt(inputs), however wide the code."""
    torch.manual_seed(0)
    seen, of_code = CodedMLP((4, 256, 2), code_dim=60).net[0].weight.abs().split([4, 60], dim=1)
    assert seen.max().item() == pytest.approx(0.5, rel=0.02)
    assert of_code.max().item() == pytest.approx(0.125, rel=0.02)
