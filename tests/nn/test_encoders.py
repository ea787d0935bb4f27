"""Laws of every history encoder."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from hyperdyn.errors import ConfigError
from hyperdyn.nn.encoders.base import AbstractHistoryEncoder, Encoding
from hyperdyn.nn.encoders.flat import FlatEncoder
from hyperdyn.nn.encoders.gru import GRUEncoder
from hyperdyn.nn.encoders.information import InformationEncoder
from hyperdyn.nn.encoders.mean_pool import MeanPoolEncoder

B, K, X, S = 3, 6, 5, 4
ENCODERS: dict[str, Callable[[int, int], AbstractHistoryEncoder]] = {
    "information": InformationEncoder,
    "mean_pool": MeanPoolEncoder,
    "flat": FlatEncoder,
    "gru": GRUEncoder,
}
ORDER_FREE = ("information", "mean_pool")


@pytest.fixture(params=ENCODERS)
def encoder(request) -> AbstractHistoryEncoder:
    torch.manual_seed(0)
    return ENCODERS[request.param](X, S)


def history(k: int = K) -> tuple[Tensor, Tensor, Tensor]:
    rng = torch.Generator().manual_seed(1)
    mask = torch.rand(B, k, generator=rng) < 0.6
    return torch.randn(B, k, X, generator=rng), torch.randn(B, k, S, generator=rng), mask


def objective(encoding: Encoding) -> Tensor:
    loss = encoding.code.square().sum()
    return loss if encoding.aux_loss is None else loss + encoding.aux_loss.sum()


def with_gradients(encoder: AbstractHistoryEncoder, x: Tensor, y: Tensor, mask: Tensor) -> list[Tensor]:
    encoder.zero_grad()
    encoding = encoder(x, y, mask)
    objective(encoding).backward()
    return [encoding.code.detach(), *(p.grad.clone() for p in encoder.parameters())]


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e30])
def test_masked_garbage_changes_no_bit_of_code_or_gradient(encoder, garbage):
    x, y, mask = history()
    spoil = lambda v: torch.where(mask[..., None], v, garbage)  # noqa: E731
    clean = with_gradients(encoder, x, y, mask)
    spoilt = with_gradients(encoder, spoil(x), spoil(y), mask)
    assert all(torch.equal(a, b) for a, b in zip(clean, spoilt, strict=True))


def test_a_masked_row_is_as_if_it_were_not_there(encoder):
    x, y, mask = history()
    for b in range(B):
        keep = mask[b]
        alone = encoder(x[b : b + 1, keep], y[b : b + 1, keep], keep[keep][None])
        together = encoder(x, y, mask)
        torch.testing.assert_close(alone.code[0], together.code[b], atol=1e-5, rtol=1e-5)


def test_without_history_every_system_has_the_same_code_and_every_parameter_a_finite_gradient(encoder):
    x, y, mask = history(0)
    code, *gradients = with_gradients(encoder, x, y, mask)
    assert code.shape == (B, encoder.code_dim)
    assert torch.equal(code, code[:1].expand_as(code))
    assert all(torch.isfinite(g).all() for g in gradients)


def test_no_history_and_an_all_masked_one_are_the_same(encoder):
    x, y, mask = history()
    masked = encoder(x, y, torch.zeros_like(mask))
    torch.testing.assert_close(masked.code, encoder(*history(0)).code, atol=1e-6, rtol=1e-6)


def test_every_parameter_has_a_gradient(encoder):
    for gradient in with_gradients(encoder, *history())[1:]:
        assert gradient.abs().sum() > 0


def test_one_system_of_a_batch_does_not_depend_on_the_others(encoder):
    x, y, mask = history()
    code = encoder(x, y, mask).code
    for b in range(B):
        alone = encoder(x[b : b + 1], y[b : b + 1], mask[b : b + 1]).code
        torch.testing.assert_close(alone[0], code[b], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("name", ENCODERS)
def test_order_matters_where_it_is_said_to_and_nowhere_else(name):
    torch.manual_seed(0)
    encoder = ENCODERS[name](X, S)
    x, y, mask = history()
    order = torch.arange(K - 1, -1, -1)
    difference = (encoder(x, y, mask).code - encoder(x[:, order], y[:, order], mask[:, order]).code).abs().max()
    assert (difference < 1e-6) == (name in ORDER_FREE)


def test_code_tells_histories_apart(encoder):
    x, y, mask = history()
    assert not torch.allclose(encoder(x, y, mask).code, encoder(x, -y, mask).code, atol=1e-4)


def test_latent_is_finite_and_one_per_system(encoder):
    encoding = encoder(*history())
    assert encoding.latent.shape[0] == B
    assert torch.isfinite(encoding.latent).all()


def test_flat_encoder_reads_the_last_transitions_only():
    torch.manual_seed(0)
    encoder = FlatEncoder(X, S, history=3)
    x, y, _ = history()
    mask = torch.ones(B, K, dtype=torch.bool)
    torch.testing.assert_close(encoder(x, y, mask).code, encoder(x[:, -3:], y[:, -3:], mask[:, -3:]).code)
    assert not torch.allclose(encoder(x, y, mask).code, encoder(x[:, :3], y[:, :3], mask[:, :3]).code)


def test_flat_encoder_without_changes_does_not_read_them():
    torch.manual_seed(0)
    encoder = FlatEncoder(X, S, changes=False)
    x, y, mask = history()
    assert torch.equal(encoder(x, y, mask).code, encoder(x, -y, mask).code)


def test_flat_encoder_refuses_no_history():
    with pytest.raises(ConfigError, match=">= 1"):
        FlatEncoder(X, S, history=0)
