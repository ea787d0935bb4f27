"""The loss that every method shares."""

import math

import pytest
import torch

from hyperdyn.errors import ConfigError
from hyperdyn.models.base import AbstractDynamics, ChangeExpert, rollout, rollout_with_std
from hyperdyn.models.fixed import Fixed
from hyperdyn.module import DynamicsModule, warmup_cosine
from hyperdyn.types import Batch, Context, Expert, StateSpec, Step, Transitions

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


def step_errors(model: AbstractDynamics, batch: Batch) -> torch.Tensor:
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


class Unsure(AbstractDynamics):
    """s' = s + shift + a_1,  std = exp(log_std) * (1 + |s_1|)."""

    executed_sizes = (6, 3)

    def __init__(self, log_std: float) -> None:
        super().__init__(SPEC)
        self.norm.change_std.copy_(torch.tensor([0.5, 1.0, 2.0]))
        self.shift = torch.nn.Parameter(torch.zeros(3))
        self.log_std = torch.nn.Parameter(torch.full((3,), log_std))

    def adapt(self, context: Context) -> Expert:
        return UnsureExpert(self)


class UnsureExpert(Expert):
    def __init__(self, model: Unsure) -> None:
        self.model = model

    def start(self, obs: torch.Tensor) -> torch.Tensor:
        return obs

    def step(self, state: torch.Tensor, action: torch.Tensor) -> Step:
        after = state + self.model.shift + action[..., :1]
        return Step(after, after, self.model.log_std.exp() * (1 + state[..., 1:2].abs()))


@pytest.mark.parametrize("rolled", [0, 2, N])
def test_a_std_adds_the_likelihood_of_the_first_step_in_normalised_units(batch: Batch, rolled: int) -> None:
    model = Unsure(-0.3)
    query, aux = DynamicsModule(model).loss(batch, rolled)
    mean, std = rollout_with_std(model.adapt(batch.context), batch.query.obs[:, :, 0], batch.query.action)
    assert std is not None
    sigma = model.norm.change_std
    normal = torch.distributions.Normal(mean[:, :, 0] / sigma, std[:, :, 0] / sigma)
    expected = -normal.log_prob(batch.query.next_obs[:, :, 0] / sigma) - 0.5 * math.log(2 * math.pi)
    torch.testing.assert_close(aux, expected.mean())
    errors = step_errors(model, batch)
    per_row = torch.cat([errors[:, :rolled].mean(-1), errors[:, rolled:, 0]], dim=1)
    torch.testing.assert_close(query, per_row.mean())


def test_likelihood_trains_std_alone_and_error_the_mean_alone(batch: Batch) -> None:
    model = Unsure(-0.3)
    query, aux = DynamicsModule(model).loss(batch, N)
    by_query = torch.autograd.grad(query, (model.shift, model.log_std), materialize_grads=True, retain_graph=True)
    by_aux = torch.autograd.grad(aux, (model.shift, model.log_std), materialize_grads=True)
    assert by_query[0].abs().min() > 0
    assert by_query[1].abs().max() == 0
    assert by_aux[0].abs().max() == 0
    assert by_aux[1].abs().min() > 0


def test_the_likelihood_is_best_where_std_is_the_size_of_the_residual(batch: Batch) -> None:
    model = Unsure(0.0)
    with torch.no_grad():
        mean, std = rollout_with_std(model.adapt(batch.context), batch.query.obs[:, :, 0], batch.query.action[:, :, :1])
        assert std is not None
        ratio = ((mean - batch.query.next_obs[:, :, :1]) / std).square().mean((0, 1, 2)).sqrt()
        model.log_std.copy_(ratio.log())
    _, aux = DynamicsModule(model).loss(batch, 0)
    (gradient,) = torch.autograd.grad(aux, model.log_std)
    torch.testing.assert_close(gradient, torch.zeros(3), atol=1e-6, rtol=0)


def test_a_rollout_gives_a_std_for_every_step_or_none(model: Fixed, batch: Batch) -> None:
    obs, action = batch.query.obs[:, :, 0], batch.query.action
    assert rollout_with_std(model.adapt(batch.context), obs, action)[1] is None
    expert = UnsureExpert(Unsure(0.0))
    mean, std = rollout_with_std(expert, obs, action)
    assert std is not None
    torch.testing.assert_close(mean, rollout(expert, obs, action), atol=0, rtol=0)
    torch.testing.assert_close(std[:, :, 1:], (1 + mean[:, :, :-1, 1:2].abs()).expand(B, N, T - 1, 3), atol=0, rtol=0)


class Listening(Fixed):
    """Keeps what it is told of the true factors."""

    told: torch.Tensor | None = None

    def adapt(self, context: Context) -> Expert:
        self.told = context.factors
        return ChangeExpert(self.norm, self.net)


@pytest.mark.parametrize("flag", ["privileged", "told_in_training", None])
def test_the_true_factors_are_told_to_methods_that_ask(batch: Batch, flag: str | None) -> None:
    model = Listening(SPEC, hidden=[8])
    if flag:
        setattr(model, flag, True)
    DynamicsModule(model).loss(batch, 0)
    assert (model.told is batch.factors) == (flag is not None)


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
