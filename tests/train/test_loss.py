"""The loss that every method shares."""

import math

import pytest
import torch

from hyperdyn.errors import ConfigError
from hyperdyn.models.fixed import Fixed
from hyperdyn.module import DynamicsModule, warmup_cosine
from hyperdyn.types import Batch, Context, StateSpec, Transitions

SPEC = StateSpec(obs_dim=3, action_dim=2, angles=(1,))
B, N, T = 2, 6, 4


@pytest.fixture
def model() -> Fixed:
    torch.manual_seed(0)
    model = Fixed(SPEC, hidden=[8])
    model.norm.change_std.copy_(torch.tensor([0.5, 1.0, 2.0]))
    return model


@pytest.fixture
def batch(model: Fixed) -> Batch:
    path = torch.randn(B, N, T + 1, SPEC.obs_dim)
    query = Transitions(path[:, :, :-1], torch.rand(B, N, T, SPEC.action_dim) * 2 - 1, path[:, :, 1:])
    return Batch(Context.empty(B, SPEC), query, torch.arange(B), torch.zeros(B, 1))


def step_errors(model: Fixed, batch: Batch) -> torch.Tensor:
    """Squared normalised errors [B,N,T] of a plain rollout, one row at a time."""
    expert = model.adapt(batch.context)
    errors = torch.zeros(B, N, T)
    for n in range(N):
        state = expert.start(batch.query.obs[:, n : n + 1, 0])
        for t in range(T):
            step = expert.step(state, batch.query.action[:, n : n + 1, t])
            state = step.state
            miss = (step.next_obs[:, 0] - batch.query.next_obs[:, n, t]) / model.norm.change_std
            errors[:, n, t] = miss.square().mean(-1)
    return errors


def test_the_loss_of_one_step_is_the_squared_error_of_the_normalised_change(model: Fixed, batch: Batch) -> None:
    loss, aux = DynamicsModule(model).loss(batch, rolled=0)
    torch.testing.assert_close(loss, step_errors(model, batch)[:, :, 0].mean())
    assert aux == 0


@pytest.mark.parametrize("rolled", [1, 4, N])
def test_rolled_rows_count_all_steps_and_every_row_counts_alike(model: Fixed, batch: Batch, rolled: int) -> None:
    errors = step_errors(model, batch)
    per_row = torch.cat([errors[:, :rolled].mean(-1), errors[:, rolled:, 0]], dim=1)
    loss, _ = DynamicsModule(model).loss(batch, rolled)
    torch.testing.assert_close(loss, per_row.mean())


def test_huber_equals_the_square_for_small_errors_and_grows_linearly(model: Fixed, batch: Batch) -> None:
    square, _ = DynamicsModule(model).loss(batch, N)
    near, _ = DynamicsModule(model, huber=1e6).loss(batch, N)
    far, _ = DynamicsModule(model, huber=1e-3).loss(batch, N)
    torch.testing.assert_close(near, square)
    doubled, _ = DynamicsModule(model, huber=2e-3).loss(batch, N)
    torch.testing.assert_close(doubled / far, torch.tensor(2.0), rtol=1e-2, atol=0)


def test_warm_up_is_linear_and_the_rest_half_a_cosine() -> None:
    assert warmup_cosine(0, 100, 10_000) == pytest.approx(0.01, rel=1e-6)
    assert warmup_cosine(5000, 100, 10_000) == pytest.approx(0.5)
    assert warmup_cosine(10_000, 100, 10_000) == pytest.approx(0.0)
    assert warmup_cosine(7500, 100, None) == 1.0
    quarter = 0.5 * (1 + math.cos(math.pi / 4))
    assert warmup_cosine(2500, 1, 10_000) == pytest.approx(quarter)


def test_options_that_cannot_be_are_refused(model: Fixed) -> None:
    with pytest.raises(ConfigError, match="adam or adamw"):
        DynamicsModule(model, optimiser="sgd")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="cosine or constant"):
        DynamicsModule(model, schedule="linear")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match="rollout_rows"):
        DynamicsModule(model, rollout_rows=0.0)
