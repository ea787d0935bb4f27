"""Coefficients by least squares."""

import numpy as np
import pytest
import torch
from torch import Tensor

from hyperdyn.errors import ConfigError
from hyperdyn.models.folded import FoldedExpert, folded
from hyperdyn.models.function_encoder import FunctionEncoder
from hyperdyn.types import Context, StateSpec, Transitions

SPEC = StateSpec(obs_dim=3, action_dim=1)
B, K, N, n = 3, 10, 5, 4


def build(ridge: float = 0.5, basis: int = n) -> FunctionEncoder:
    torch.manual_seed(0)
    return FunctionEncoder(SPEC, basis, hidden=[16, 16], ridge=ridge).double()


def rows(k: int = K) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    x = torch.randn(B, k, SPEC.input_dim, generator=rng, dtype=torch.float64)
    y = torch.randn(B, k, SPEC.obs_dim, generator=rng, dtype=torch.float64)
    return x, y, torch.rand(B, k, generator=rng) < 0.7


def test_coefficients_are_those_of_ridge_regression():
    model = build(ridge=0.5)
    x, y, mask = rows()
    found = model.coefficients(x, y, mask).detach().numpy()
    mean, basis = (v.detach().numpy() for v in model.evaluate(x))
    for b in range(B):
        G, r = basis[b, mask[b]].reshape(-1, n), (y.numpy() - mean)[b, mask[b]].reshape(-1)
        # ridge regression is least squares with sqrt(ridge) I below G and zeros below r
        G, r = np.concatenate([G, 0.5**0.5 * np.eye(n)]), np.concatenate([r, np.zeros(n)])
        np.testing.assert_allclose(found[b], np.linalg.lstsq(G, r, rcond=None)[0], atol=1e-10)


def test_a_system_in_the_span_of_the_basis_is_found_exactly():
    model = build(ridge=1e-9)
    x, _, mask = rows()
    truth = torch.randn(B, n, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
    mean, basis = model.evaluate(x)
    y = mean + torch.einsum("bksn,bn->bks", basis, truth)
    found = model.coefficients(x, y, mask)
    torch.testing.assert_close(found, truth, atol=1e-4, rtol=1e-4)
    unseen = torch.randn(B, N, SPEC.input_dim, dtype=torch.float64)
    mean, basis = model.evaluate(unseen)
    expected = mean + torch.einsum("bnsj,bj->bns", basis, truth)
    torch.testing.assert_close(model.combined(found)(unseen), expected, atol=1e-4, rtol=1e-4)


def test_the_network_of_a_system_is_the_average_function_and_the_sum_of_the_basis():
    model = build()
    x, c = rows()[0], torch.randn(B, n, dtype=torch.float64)
    mean, basis = model.evaluate(x)
    torch.testing.assert_close(model.combined(c)(x), mean + torch.einsum("bksn,bn->bks", basis, c))


def test_without_history_it_is_the_average_function():
    model = build()
    expert = model.adapt(Context.empty(B, SPEC))
    x = rows()[0]
    assert torch.equal(expert.code, torch.zeros(B, n, dtype=expert.code.dtype))
    torch.testing.assert_close(expert.net(x), model.evaluate(x)[0])


def test_more_basis_functions_than_equations_and_a_repeated_row_stay_finite_in_single_precision():
    model = build(basis=32, ridge=1.0).float()
    x, y, _ = (v.float() for v in rows())
    x, y = x[:, :1].expand(B, 64, -1) * 30, y[:, :1].expand(B, 64, -1)
    with torch.no_grad():
        model.basis.weight.mul_(1e3)
    c = model.coefficients(x, y, torch.ones(B, 64, dtype=torch.bool))
    c.square().sum().backward()
    assert torch.isfinite(c).all()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())


@torch.no_grad()
def test_a_planner_steps_it_folded_with_no_layer_wider_than_the_network_reported():
    model = build()
    obs = torch.randn(B, K, 3, dtype=torch.float64)
    action = torch.rand(B, K, 1, dtype=torch.float64)
    given = Context(Transitions(obs, action, obs * 1.1), torch.ones(B, K, dtype=torch.bool))
    expert, quick = model.adapt(given), folded(model.adapt)(given)
    assert isinstance(quick, FoldedExpert)
    torch.testing.assert_close(quick.step(obs, action).next_obs, expert.step(obs, action).next_obs)
    assert model.executed_sizes == (4, *(weight.shape[-1] for weight, _ in expert.net.layers))


@pytest.mark.parametrize("wrong", [{"hidden": []}, {"basis": 0}, {"ridge": 0.0}])
def test_what_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError, match=next(iter(wrong))):
        FunctionEncoder(SPEC, **wrong)
