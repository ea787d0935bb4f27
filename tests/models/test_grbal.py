"""Laws of gradient-based adaptation."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperdyn.errors import ConfigError
from hyperdyn.models.grbal import GrBAL
from hyperdyn.nn.mlp import mlp
from hyperdyn.types import Context, StateSpec, Transitions

SPEC = StateSpec(obs_dim=3, action_dim=2, angles=(1,))
B, K, N = 3, 6, 5


def transitions(*shape: int, seed: int) -> Transitions:
    rng = torch.Generator().manual_seed(seed)
    obs, action, change = (torch.randn(*shape, n, generator=rng, dtype=torch.float64) for n in (3, 2, 3))
    return Transitions(obs, action, obs + change)


def make(**options: Any) -> GrBAL:
    torch.manual_seed(0)
    model = GrBAL(SPEC, hidden=[7], **options).double()
    model.norm.fit([transitions(50, seed=1)])
    with torch.no_grad():
        model.log_rates += 0.3 * torch.randn_like(model.log_rates)  # no two rates alike
    return model


def context() -> Context:
    mask = torch.rand(B, K, generator=torch.Generator().manual_seed(2)) < 0.7
    return Context(transitions(B, K, seed=3), mask)


def outer_loss(model: GrBAL) -> Tensor:
    expert, query = model.adapt(context()), transitions(B, N, seed=4)
    step = expert.step(expert.start(query.obs), query.action)
    return (step.next_obs - query.next_obs).square().sum()


def plain_copy(model: GrBAL, theta: Tensor) -> nn.Sequential:
    net = mlp(model.expert_spec.sizes, model.expert_spec.activation).double()
    nn.utils.vector_to_parameters(theta.detach().clone(), net.parameters())
    return net


@pytest.mark.parametrize("order", ["first", "second"])
@pytest.mark.parametrize("steps", [1, 3])
def test_adapted_weights_are_those_of_sgd_on_a_plain_copy(order: str, steps: int) -> None:
    model, given = make(order=order, steps=steps), context()
    theta = model.adapt(given).theta
    assert theta is not None
    x, y = model.norm.pairs(given.history)
    for b in range(B):
        net = plain_copy(model, model.theta0)
        optimiser = torch.optim.SGD([{"params": [p]} for p in net.parameters()], lr=1.0)
        for step in range(steps):
            for group, log_rate in zip(optimiser.param_groups, model.log_rates[step], strict=True):
                group["lr"] = log_rate.exp().item()
            optimiser.zero_grad()
            functional.mse_loss(net(x[b, given.mask[b]]), y[b, given.mask[b]]).backward()
            optimiser.step()
        torch.testing.assert_close(theta[b], nn.utils.parameters_to_vector(net.parameters()))


def test_a_rate_of_each_parameter_moves_that_parameter_alone() -> None:
    model = make(rates="parameter")
    before = model.adapt(context()).theta
    with torch.no_grad():
        model.log_rates[0, 5] += 1.0
    after = model.adapt(context()).theta
    assert before is not None
    assert after is not None
    assert (before != after).any(0).nonzero().flatten().tolist() == [5]


def test_first_order_gradients_are_those_at_the_adapted_weights() -> None:
    model, query = make(order="first", steps=2), transitions(B, N, seed=4)
    (gradient,) = torch.autograd.grad(outer_loss(model), model.theta0)
    theta = model.adapt(context()).theta
    assert theta is not None
    x, y = model.norm.pairs(query)
    expected = torch.zeros_like(model.theta0)
    for b in range(B):
        net = plain_copy(model, theta[b])
        ((net(x[b]) - y[b]) * model.norm.change_std).square().sum().backward()
        expected += torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None])
    torch.testing.assert_close(gradient, expected)


@pytest.mark.parametrize("rates", ["layer", "parameter"])
def test_second_order_gradients_are_finite_differences_of_the_outer_loss(rates: str) -> None:
    model, step = make(order="second", steps=2, rates=rates), 1e-6
    for parameter in (model.theta0, model.log_rates):
        (gradient,) = torch.autograd.grad(outer_loss(model), parameter)
        for seed in range(3):
            direction = torch.randn(parameter.shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
            losses = []
            for sign in (1, -1):
                with torch.no_grad():
                    parameter += sign * step * direction
                    losses.append(outer_loss(model))
                    parameter -= sign * step * direction
            slope = (losses[0] - losses[1]) / (2 * step)
            torch.testing.assert_close((gradient * direction).sum(), slope, rtol=1e-6, atol=1e-6)


def test_first_order_is_not_second_order() -> None:
    first, second = (torch.autograd.grad(outer_loss(m), m.theta0)[0] for m in (make(order="first"), make()))
    assert (first - second).abs().max() > 1e-2 * second.abs().max()


def test_without_history_the_expert_is_theta0_to_the_bit() -> None:
    model = make(steps=2)
    for given in (Context.empty(B, SPEC), Context(context().history, torch.zeros(B, K, dtype=torch.bool))):
        theta = model.adapt(given).theta
        assert theta is not None
        assert torch.equal(theta, model.theta0.expand(B, -1))


@pytest.mark.parametrize("order", ["first", "second"])
def test_adapts_alike_where_gradients_are_off_and_leaves_no_graph(order: str) -> None:
    model = make(order=order, steps=2)
    expected = model.adapt(context()).theta
    with torch.no_grad():
        theta = model.eval().adapt(context()).theta
    assert expected is not None
    assert theta is not None
    torch.testing.assert_close(theta, expected)
    assert not theta.requires_grad
    assert all(p.grad is None for p in model.parameters())


def test_a_model_whose_weights_are_frozen_adapts_too() -> None:
    model = make(steps=2)
    expected = model.adapt(context()).theta
    theta = model.requires_grad_(False).adapt(context()).theta
    assert theta is not None
    assert expected is not None
    torch.testing.assert_close(theta, expected)


def test_fixed_rates_are_not_trained() -> None:
    model = GrBAL(SPEC, rates="fixed", inner_lr=0.2)
    assert not model.log_rates.requires_grad
    torch.testing.assert_close(model.rates(), torch.full((1, model.expert_spec.n_params), 0.2))


@pytest.mark.parametrize("options", [{"order": "third"}, {"rates": "layers"}, {"steps": 0}, {"inner_lr": 0.0}])
def test_impossible_options_are_refused(options: Any) -> None:
    with pytest.raises(ConfigError, match="grbal"):
        GrBAL(SPEC, **options)
