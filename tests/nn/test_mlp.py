import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call, vmap

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.nn.mlp import ACTIVATIONS, GeneratedMLP, MLPSpec, mlp

SIZES = (5, 16, 12, 3)
B, N = 4, 7


def as_state_dict(spec: MLPSpec, theta: Tensor) -> dict[str, Tensor]:
    """theta [...,P] as the parameters of `mlp`, one entry for each."""
    parameters = {}
    for i, layer in enumerate(spec.layers):
        parameters[f"{2 * i}.weight"] = theta[..., layer.weight].unflatten(-1, (layer.fan_out, layer.fan_in))
        parameters[f"{2 * i}.bias"] = theta[..., layer.bias]
    return parameters


def loop_of_linears(spec: MLPSpec, theta: Tensor, x: Tensor) -> Tensor:
    net = mlp(spec.sizes, spec.activation)
    return torch.stack([functional_call(net, as_state_dict(spec, t), r) for t, r in zip(theta, x, strict=True)])


def vmapped(spec: MLPSpec, theta: Tensor, x: Tensor) -> Tensor:
    net = mlp(spec.sizes, spec.activation)
    return vmap(lambda parameters, rows: functional_call(net, parameters, rows))(as_state_dict(spec, theta), x)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("plain", [loop_of_linears, vmapped])
def test_generated_networks_equal_plain_ones_forward_and_gradient(plain, activation):
    torch.manual_seed(0)
    spec = MLPSpec(SIZES, activation)
    theta = torch.stack([spec.init() for _ in range(B)]).requires_grad_()
    x = torch.randn(B, N, SIZES[0], requires_grad=True)
    direction = torch.randn(B, N, SIZES[-1])

    ours, expected = GeneratedMLP(spec, theta)(x), plain(spec, theta, x)
    torch.testing.assert_close(ours, expected, atol=1e-6, rtol=1e-6)
    ours_grad = torch.autograd.grad((ours * direction).sum(), (theta, x))
    expected_grad = torch.autograd.grad((expected * direction).sum(), (theta, x))
    torch.testing.assert_close(ours_grad, expected_grad, atol=1e-6, rtol=1e-6)


def test_slices_tile_theta_without_gap_or_overlap():
    spec = MLPSpec(SIZES)
    used = torch.zeros(spec.n_params)
    for layer in spec.layers:
        used[layer.weight] += 1
        used[layer.bias] += 1
    assert (used == 1).all()
    assert spec.n_params == sum(p.numel() for p in mlp(SIZES).parameters())


def test_weights_are_views_of_theta():
    spec = MLPSpec(SIZES)
    theta = torch.randn(B, spec.n_params)
    net = GeneratedMLP(spec, theta)
    storage = theta.untyped_storage().data_ptr()
    assert all(w.untyped_storage().data_ptr() == storage for w in [*net._weights, *net._biases])


def test_init_draws_as_linear_does():
    spec = MLPSpec((9, 4000, 1))
    theta = spec.init(torch.Generator().manual_seed(0))
    linear = nn.Linear(9, 4000)
    drawn = theta[spec.layers[0].weight]
    assert drawn.abs().max() <= 1 / 3
    assert drawn.std() == pytest.approx(linear.weight.std().item(), rel=0.02)
    assert theta[spec.layers[1].weight].abs().max() <= 4000**-0.5
    torch.testing.assert_close(theta, spec.init(torch.Generator().manual_seed(0)), atol=0, rtol=0)


def test_scale_is_one_over_root_fan_in_for_weights_and_a_tenth_for_biases():
    spec = MLPSpec((4, 9, 2))
    scale = spec.scale()
    first, second = spec.layers
    assert (scale[first.weight] == 1 / 2).all()
    torch.testing.assert_close(scale[second.weight], torch.full((18,), 1 / 3))
    torch.testing.assert_close(scale[second.bias], torch.full((2,), 0.1))


def test_weights_of_another_network_are_refused():
    with pytest.raises(ShapeError, match=r"\[B, 339\]"):
        GeneratedMLP(MLPSpec(SIZES), torch.zeros(2, 7))


@pytest.mark.parametrize("sizes", [(3,), (3, 0, 2)])
def test_impossible_sizes_are_refused(sizes):
    with pytest.raises(ConfigError, match="not a network"):
        MLPSpec(sizes)


def test_a_misspelt_activation_is_answered_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'silu'"):
        MLPSpec(SIZES, "sliu")
