"""Laws of the information-form encoder."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call

from hyperdyn.nn.encoders.information import MAX_LOG_PRECISION, Evidence, InformationEncoder, bend

B, K, X, S, Z = 3, 8, 3, 2, 6


class LinearJacobian(nn.Module):
    """J(c) z = reshape(z, S, X) x: z is the matrix of a linear regression of r on x; every log-precision the same."""

    def __init__(self, log_precision: float = 0.0) -> None:
        super().__init__()
        self.log_precision = log_precision

    def forward(self, rows: Tensor) -> Tensor:
        x = rows[..., :X]
        jacobian = torch.einsum("ij,...x->...ijx", torch.eye(S, dtype=x.dtype), x)  # [...,S,S,X]
        log_precision = x.new_full((*x.shape[:-1], S), self.log_precision)
        return torch.cat([jacobian.flatten(-3), log_precision], dim=-1)


class Zero(nn.Module):
    """A base network that explains nothing."""

    def forward(self, x: Tensor) -> Tensor:
        return x.new_zeros(*x.shape[:-1], S)


def small(dtype: torch.dtype = torch.float64) -> InformationEncoder:
    torch.manual_seed(0)
    return InformationEncoder(X, S, latent_dim=Z, hidden_dim=8, base_dim=8, mean_dim=4, mix_dim=5).to(dtype)


def regression(log_precision: float = 0.0) -> InformationEncoder:
    encoder = small()
    encoder.base = Zero()
    encoder.jacobian = LinearJacobian(log_precision)
    return encoder


def history(k: int = K, dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    x, y = torch.randn(B, k, X, generator=rng), torch.randn(B, k, S, generator=rng)
    return x.to(dtype), y.to(dtype), torch.ones(B, k, dtype=torch.bool)


@pytest.mark.parametrize("log_precision", [0.0, 1.5, -2.0])
def test_z_is_ridge_regression_where_the_jacobian_is_linear_and_known(log_precision):
    encoder = regression(log_precision)
    x, y, mask = history()
    encoding = encoder(x, y, mask)
    weight = math.exp(bend(torch.tensor(log_precision, dtype=torch.float64)))
    for b in range(B):
        normal = weight * x[b].T @ x[b] + torch.eye(X)
        solution = torch.linalg.solve(normal, weight * x[b].T @ y[b])  # [X,S]
        torch.testing.assert_close(encoding.latent[b].view(S, X), solution.T)
        sd = torch.linalg.inv(normal).diagonal().sqrt()
        torch.testing.assert_close(encoding.sd[b].view(S, X), sd.expand(S, X))
        misfit = weight * (y[b] - x[b] @ solution).square().sum() + solution.square().sum()
        torch.testing.assert_close(encoding.chi_square[b], misfit)


def test_chi_square_counts_observations_where_residuals_are_as_claimed():
    rng = torch.Generator().manual_seed(2)
    systems, k = 4000, 10
    x = torch.randn(systems, k, X, generator=rng, dtype=torch.float64)
    z = torch.randn(systems, S, X, generator=rng, dtype=torch.float64)
    noise = torch.randn(systems, k, S, generator=rng, dtype=torch.float64)
    y = torch.einsum("bsx,bkx->bks", z, x) + noise
    chi_square = regression()(x, y, torch.ones(systems, k, dtype=torch.bool)).chi_square
    assert chi_square.mean() == pytest.approx(k * S, rel=0.03)
    assert chi_square.var() == pytest.approx(2 * k * S, rel=0.1)


def assert_same(a: Evidence, b: Evidence) -> None:
    for name in ("gram", "summary", "count", "base_error"):
        torch.testing.assert_close(getattr(a, name), getattr(b, name))


def test_evidence_of_two_halves_adds_to_that_of_the_whole():
    encoder = small()
    x, y, mask = history()
    first, second = (encoder.evidence(x[:, h], y[:, h], mask[:, h]) for h in (slice(0, 3), slice(3, K)))
    assert_same(first + second, encoder.evidence(x, y, mask))
    merged = encoder.encode_evidence(first + second)
    torch.testing.assert_close(merged.code, encoder(x, y, mask).code)
    torch.testing.assert_close(merged.aux_loss, encoder(x, y, mask).aux_loss)


def test_evidence_of_nothing_is_the_neutral_element():
    encoder = small()
    evidence = encoder.evidence(*history())
    assert_same(evidence + encoder.evidence(*history(0)), evidence)


def test_streamed_one_by_one_with_decay_is_the_weighted_sum():
    encoder = small()
    x, y, mask = history()
    single = [encoder.evidence(x[:, i : i + 1], y[:, i : i + 1], mask[:, i : i + 1]) for i in range(K)]
    stream = encoder.evidence(*history(0))
    for evidence in single:
        stream = stream.decay(0.9) + evidence
    expected = sum(0.9 ** (K - 1 - i) * e.precision for i, e in enumerate(single))
    torch.testing.assert_close(stream.precision, expected)
    torch.testing.assert_close(stream.count, torch.full((B,), sum(0.9**i for i in range(K)), dtype=torch.float64))


def test_decay_forgets_what_is_known_but_not_what_it_looked_like():
    encoder = small()
    evidence = encoder.evidence(*history())
    fresh, faded = encoder.encode_evidence(evidence), encoder.encode_evidence(evidence.decay(1e-3))
    torch.testing.assert_close(faded.aux_loss, fresh.aux_loss)
    assert (faded.sd > fresh.sd).all()
    assert (faded.latent.norm(dim=1) < 0.1 * fresh.latent.norm(dim=1)).all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_history_the_posterior_is_the_prior(dtype):
    encoding = small(dtype)(*history(0, dtype))
    assert (encoding.latent == 0).all()
    assert (encoding.sd == 1).all()
    assert (encoding.chi_square == 0).all()
    assert (encoding.aux_loss == 0).all()


def test_precision_grows_and_uncertainty_shrinks_with_every_transition():
    encoder = small()
    x, y, mask = history()
    previous = encoder.evidence(*history(0))
    for k in range(1, K + 1):
        evidence = encoder.evidence(x[:, :k], y[:, :k], mask[:, :k])
        growth = torch.linalg.eigvalsh(evidence.precision - previous.precision)
        assert growth.min() > -1e-12
        assert growth.max() > 1e-6
        assert (encoder.posterior(evidence).sd <= encoder.posterior(previous).sd + 1e-12).all()
        previous = evidence


def test_code_is_summary_latent_and_mix():
    encoder = small()
    encoding = encoder(*history())
    assert encoding.code.shape == (B, encoder.code_dim) == (B, 4 + Z + 5)
    torch.testing.assert_close(encoding.code[:, 4 : 4 + Z], encoding.latent, atol=0, rtol=0)


def test_base_network_learns_from_its_own_loss_only():
    encoder = small()
    encoding = encoder(*history())
    parameters = list(encoder.base.parameters())
    assert not any(
        g is not None and g.abs().any()
        for g in torch.autograd.grad(encoding.code.sum(), parameters, retain_graph=True, allow_unused=True)
    )
    assert all(g.abs().any() for g in torch.autograd.grad(encoding.aux_loss.sum(), parameters))


def test_aux_loss_is_the_mean_squared_error_of_the_base_network_over_the_context():
    encoder = small()
    x, y, mask = history()
    mask = mask.clone()
    mask[0, 2:] = False
    error = (encoder.base(x) - y).square().mean(-1)
    expected = torch.stack([error[b, mask[b]].mean() for b in range(B)])
    torch.testing.assert_close(encoder(x, y, mask).aux_loss, expected)


@pytest.mark.parametrize("part", ["jacobian", "features", "summary", "mix"])
def test_gradients_agree_with_finite_differences(part):
    encoder = small()
    x, y, mask = history(3)
    mask = mask.clone()
    mask[0, 1:] = False
    module = getattr(encoder, part)
    names = [f"{part}.{name}" for name, _ in module.named_parameters()]
    values = tuple(p.detach().clone().requires_grad_() for p in module.parameters())

    def outputs(*parameters: Tensor) -> tuple[Tensor, ...]:
        encoding = functional_call(encoder, dict(zip(names, parameters, strict=True)), (x, y, mask))
        return encoding.code, encoding.sd, encoding.chi_square

    assert torch.autograd.gradcheck(outputs, values, fast_mode=True)


def test_gradient_of_the_posterior_agrees_with_finite_differences():
    encoder = small()
    evidence = encoder.evidence(*history())
    root = torch.randn(B, K, Z + 1, dtype=torch.float64, requires_grad=True)

    def outputs(rows: Tensor) -> tuple[Tensor, ...]:
        posterior = encoder.posterior(Evidence(rows.mT @ rows, evidence.summary, evidence.count, evidence.base_error))
        return posterior.mean, posterior.sd, posterior.chi_square

    assert torch.autograd.gradcheck(outputs, (root,))


@pytest.mark.parametrize("size", [1e2, 1e4])
def test_overwhelming_evidence_does_not_break_the_factorisation(size):
    encoder = regression(100.0).float()
    x, y, mask = history(64, torch.float32)
    x = x.clone()
    x[..., 1] = x[..., 0]  # a direction about which nothing is ever learned
    encoding = encoder(size * x, y, mask)
    assert torch.isfinite(encoding.code).all()
    assert (encoding.sd > 0).all()


def test_log_precisions_stay_within_bounds():
    extremes = bend(torch.tensor([-1e6, -0.01, 0.0, 0.01, 1e6]))
    assert extremes.abs().max() <= MAX_LOG_PRECISION
    torch.testing.assert_close(extremes[1:4], torch.tensor([-0.01, 0.0, 0.01]), atol=1e-6, rtol=0)


def test_the_solution_stays_in_single_precision_under_autocast():
    encoder = small(torch.float32)
    x, y, mask = history(dtype=torch.float32)
    exact = encoder(x, y, mask)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        evidence = encoder.evidence(x, y, mask)
        encoding = encoder(x, y, mask)
    assert evidence.gram.dtype == encoding.latent.dtype == encoding.sd.dtype == torch.float32
    torch.testing.assert_close(encoding.latent, exact.latent, atol=0.05, rtol=0.05)
