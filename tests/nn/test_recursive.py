"""Laws of the information-form encoder as a filter."""

import pytest
import torch
from torch import Tensor

from hyperdyn.errors import ConfigError
from hyperdyn.nn.encoders.information import Evidence, InformationEncoder
from hyperdyn.nn.encoders.recursive import RecursiveInformation

B, L, X, S, Z = 3, 24, 3, 2, 6
FIELDS = ("gram", "summary", "count", "base_error")


def encoder(dtype: torch.dtype = torch.float64) -> InformationEncoder:
    torch.manual_seed(0)
    return InformationEncoder(X, S, latent_dim=Z, hidden_dim=8, base_dim=8, mean_dim=4, mix_dim=5).to(dtype)


def stream(dtype: torch.dtype = torch.float64) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    return torch.randn(B, L, X, generator=rng).to(dtype), torch.randn(B, L, S, generator=rng).to(dtype)


def run(recursive: RecursiveInformation, x: Tensor, y: Tensor) -> Evidence:
    state = recursive.start(len(x))
    for t in range(x.shape[1]):
        state = recursive.update(state, x[:, t], y[:, t])
    return state


def assert_same(a: Evidence, b: Evidence) -> None:
    for name in FIELDS:
        torch.testing.assert_close(getattr(a, name), getattr(b, name))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_without_forgetting_it_is_the_batch_encoder(dtype: torch.dtype) -> None:
    batch, (x, y) = encoder(dtype), stream(dtype)
    recursive = RecursiveInformation(batch, 1.0)
    found, expected = recursive.encoding(run(recursive, x, y)), batch(x, y, torch.ones(B, L, dtype=torch.bool))
    for name in ("code", "latent", "sd", "aux_loss"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name), atol=1e-5, rtol=1e-5)


def test_before_the_first_transition_it_is_the_prior() -> None:
    recursive = RecursiveInformation(encoder(), 0.9)
    expected = recursive.encoder(*(v[:, :0] for v in stream()), torch.ones(B, 0, dtype=torch.bool))
    torch.testing.assert_close(recursive.encoding(recursive.start(B)).code, expected.code)


def test_precision_and_information_follow_the_recursion() -> None:
    gamma, (x, y) = 0.8, stream()
    recursive = RecursiveInformation(encoder(), gamma)
    precision, information = torch.eye(Z).double().expand(B, Z, Z), torch.zeros(B, Z).double()
    for t in range(L):
        new = recursive.encoder.evidence(x[:, t : t + 1], y[:, t : t + 1], torch.ones(B, 1, dtype=torch.bool))
        precision = torch.eye(Z) + gamma * (precision - torch.eye(Z)) + new.precision
        information = gamma * information + new.information
    latent = recursive.encoding(run(recursive, x, y)).latent
    torch.testing.assert_close(latent, torch.linalg.solve(precision, information))


@pytest.mark.parametrize("gamma", [0.5, 0.9])
def test_the_memory_is_worth_one_over_one_minus_gamma(gamma: float) -> None:
    """The same transition for ever is worth that many of it."""
    x, y = (v[:, :1].expand(-1, 300, -1) for v in stream())
    recursive = RecursiveInformation(encoder(), gamma)
    one = recursive.encoder.evidence(x[:, :1], y[:, :1], torch.ones(B, 1, dtype=torch.bool))
    assert_same(run(recursive, x, y), one.decay(1 / (1 - gamma)))


def test_what_lies_far_back_is_forgotten_and_the_prior_is_not() -> None:
    x, y = stream()
    recursive = RecursiveInformation(encoder(), 0.3)
    other = torch.cat([-x[:, :4], x[:, 4:]], dim=1)
    torch.testing.assert_close(
        recursive.encoding(run(recursive, other, y)).code, recursive.encoding(run(recursive, x, y)).code
    )
    faded = recursive.start(B)
    for _ in range(200):
        faded = recursive.update(faded, torch.zeros(B, X).double(), torch.zeros(B, S).double())
    assert (recursive.encoding(faded).sd <= 1).all()


def test_two_halves_merge_to_the_whole() -> None:
    gamma, (x, y) = 0.9, stream()
    recursive = RecursiveInformation(encoder(), gamma)
    first, second = run(recursive, x[:, :10], y[:, :10]), run(recursive, x[:, 10:], y[:, 10:])
    assert_same(first.decay(gamma ** (L - 10)) + second, run(recursive, x, y))


def test_a_step_costs_the_same_at_every_t() -> None:
    recursive, rows = RecursiveInformation(encoder(), 0.9), []
    recursive.encoder.jacobian.register_forward_hook(lambda module, args, out: rows.append(args[0].shape[:2].numel()))
    state, sizes = recursive.start(B), set()
    rows.clear()
    x, y = stream()
    for t in range(L):
        state = recursive.update(state, x[:, t], y[:, t])
        sizes.add(tuple(getattr(state, name).shape for name in FIELDS))
    assert rows == [B] * L
    assert len(sizes) == 1


def test_a_masked_row_is_no_step() -> None:
    x, y = stream()
    recursive = RecursiveInformation(encoder(), 0.9)
    state = run(recursive, x[:, :5], y[:, :5])
    seen = torch.tensor([True, False, True])
    x[1, 5] = torch.nan
    after = recursive.update(state, x[:, 5], y[:, 5], seen)
    for name in FIELDS:
        torch.testing.assert_close(getattr(after, name)[1], getattr(state, name)[1], rtol=0, atol=0)
        assert (getattr(after, name)[::2] != getattr(state, name)[::2]).any()


@pytest.mark.parametrize("gamma", [0.0, -0.1, 1.01])
def test_a_forgetting_factor_out_of_range_is_refused(gamma: float) -> None:
    with pytest.raises(ConfigError, match="0 < gamma <= 1"):
        RecursiveInformation(encoder(), gamma)
