"""Laws of every method: this suite runs over every YAML in conf/model."""

import inspect
import io
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf
from torch import Tensor

import hyperdyn.conf
from hyperdyn.models.base import AbstractDynamics, rollout, rollout_with_std
from hyperdyn.nn.mlp import MLPSpec
from hyperdyn.types import Context, Frame, StateSpec, Transitions
from hyperdyn.views import Solid, Views

YAMLS = sorted(Path(hyperdyn.conf.__file__).parent.glob("model/*.yaml"))
ORDER_MATTERS = {"hyper_released", "hyper_flat", "hyper_gru", "recurrent", "cadm", "densephysnet"}
IGNORES_CONTEXT = {"fixed", "foresight"}  # as far as there are no views in it
SEES_MOTION = {"foresight", "densephysnet"}
"""Methods that predict the pose of an object in the plane, and nothing else."""

SPEC = StateSpec(obs_dim=4, action_dim=2, drop=(0,), angles=(2,))
OBJECT = StateSpec(obs_dim=4, action_dim=2, constant=(3,), frame=Frame((0, 1), 2, directions=(0,)))
FACTOR_RANGES, FACTOR_LOG = [[-1.0, 2.0], [0.5, 3.0]], [False, True]
B, K, N, T = 3, 16, 5, 2


def build(path: Path, seed: int = 0) -> AbstractDynamics:
    """The model with a normaliser that does something."""
    node = OmegaConf.load(path)
    told = {"factor_dim": 2, "factor_ranges": FACTOR_RANGES, "factor_log": FACTOR_LOG}
    asked = inspect.signature(get_class(node._target_)).parameters
    torch.manual_seed(seed)
    spec = OBJECT if path.stem in SEES_MOTION else SPEC
    model = instantiate(node, spec=spec, **{name: value for name, value in told.items() if name in asked})
    model.norm.fit([transitions(torch.Generator().manual_seed(seed), 200)])
    return model


@pytest.fixture(params=YAMLS, ids=lambda path: path.stem)
def path(request) -> Path:
    return request.param


@pytest.fixture
def model(path) -> AbstractDynamics:
    return build(path)


def transitions(rng: torch.Generator, *shape: int) -> Transitions:
    obs, action = torch.randn(*shape, SPEC.obs_dim, generator=rng), torch.rand(*shape, SPEC.action_dim, generator=rng)
    return Transitions(obs, action * 2 - 1, obs + 0.3 * torch.randn(*shape, SPEC.obs_dim, generator=rng))


def context(k: int = K, seed: int = 1) -> Context:
    rng = torch.Generator().manual_seed(seed)
    factors = torch.rand(B, 2, generator=rng) + 0.5
    return Context(transitions(rng, B, k), torch.rand(B, k, generator=rng) < 0.7, factors=factors)


def views() -> Views:
    """Two cameras above the middle of a table and pictures of anything; the last system was not seen."""
    rng = torch.Generator().manual_seed(6)
    depth = 0.4 + 0.1 * torch.rand(B, 2, 12, 12, generator=rng)
    depth[-1] = 0
    inside = torch.tensor([[20.0, 0, 6], [0, 20, 6], [0, 0, 1]]).expand(B, 2, 3, 3)
    outside = torch.tensor([[1.0, 0, 0, 0], [0, -1, 0, 0], [0, 0, -1, 0.5], [0, 0, 0, 1]]).expand(B, 2, 4, 4)
    solid = Solid(torch.rand(B, 6, 6, 6, generator=rng) < 0.5, torch.full((B,), 0.2), torch.zeros(B))
    return Views(torch.rand(B, 2, 3, 12, 12, generator=rng), depth, inside, outside, None, torch.zeros(B, 3), solid)


def reordered(history: Transitions, index: Tensor) -> Transitions:
    return Transitions(history.obs[:, index], history.action[:, index], history.next_obs[:, index])


def query(seed: int = 2) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(B, N, SPEC.obs_dim, generator=rng), torch.rand(B, N, T, SPEC.action_dim, generator=rng) * 2 - 1


def predict(model: AbstractDynamics, given: Context) -> Tensor:
    return rollout(model.adapt(given), *query())


def with_gradients(model: AbstractDynamics, given: Context) -> list[Tensor]:
    model.zero_grad()
    expert = model.adapt(given)
    predicted, std = rollout_with_std(expert, *query())
    loss = predicted.square().mean()
    if std is not None:
        loss = loss + std.log().mean()
    if expert.aux_loss is not None:
        loss = loss + expert.aux_loss.mean()
    loss.backward()
    gradients = [p.grad.clone() for p in model.parameters()]
    return [predicted.detach(), *gradients]


def test_predictions_are_finite_and_of_the_observations_shape(model):
    predicted = predict(model, context())
    assert predicted.shape == (B, N, T, SPEC.obs_dim)
    assert torch.isfinite(predicted).all()


def test_expert_says_what_it_was_made_from(model):
    expert = model.adapt(context())
    for value in (expert.code, expert.theta):
        assert value is None or (value.ndim == 2 and value.shape[0] == B)
    assert expert.aux_loss is None or expert.aux_loss.shape == (B,)
    assert expert.action_dim == SPEC.action_dim


def test_executed_sizes_lead_from_inputs_to_observations(model):
    """A network may take more than state and action, a code for instance; weights are generated for these alone."""
    sizes = model.executed_sizes
    assert sizes[0] >= model.spec.input_dim
    assert sizes[-1] == model.spec.change_dim
    theta = model.adapt(context()).theta
    assert theta is None or theta.shape[1] == MLPSpec(sizes).n_params


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), 1e30])
def test_masked_garbage_changes_no_bit_of_predictions_or_gradients(model, garbage):
    given = context()
    h, rows = given.history, given.mask[..., None]
    spoilt = Transitions(*(torch.where(rows, v, garbage) for v in (h.obs, h.action, h.next_obs)))
    clean, dirty = with_gradients(model, given), with_gradients(model, replace(given, history=spoilt))
    assert all(torch.equal(a, b) for a, b in zip(clean, dirty, strict=True))


def test_context_is_used_unless_it_is_said_not_to_be(path, model):
    same = torch.equal(predict(model, context(seed=1)), predict(model, context(seed=3)))
    assert same == (path.stem in IGNORES_CONTEXT)


@pytest.mark.parametrize("training", [True, False])
def test_only_a_method_that_is_told_the_true_factors_reads_them(model, training):
    given = context()
    spoilt = replace(given, factors=given.factors + 0.5)
    same = torch.equal(predict(model, given), predict(model, spoilt))  # also lets system_experts meet their systems
    if not training:
        model.eval()
        same = torch.equal(predict(model, given), predict(model, spoilt))
    assert same != (model.privileged or (training and model.told_in_training))


def test_order_of_history_matters_only_where_it_is_said_to(path, model):
    given = context()
    index = torch.randperm(K, generator=torch.Generator().manual_seed(0))
    shuffled = replace(given, history=reordered(given.history, index), mask=given.mask[:, index])
    difference = (predict(model, given) - predict(model, shuffled)).abs().max()
    assert (difference > 1e-5) == (path.stem in ORDER_MATTERS)


def test_query_rows_do_not_see_each_other(model):
    """Outside of training; within, an ensemble deals its rows among its members."""
    model.adapt(context())  # system_experts meet their systems in training
    expert = model.eval().adapt(context())
    obs, action = query()
    together = rollout(expert, obs, action)
    for n in range(N):
        alone = rollout(expert, obs[:, n : n + 1], action[:, n : n + 1])
        torch.testing.assert_close(alone[:, 0], together[:, n], atol=1e-5, rtol=1e-5)


def test_systems_of_a_batch_do_not_see_each_other(model):
    given = context()
    obs, action = query()
    together = predict(model, given)
    for b in range(B):
        one = slice(b, b + 1)
        history = Transitions(*(v[one] for v in (given.history.obs, given.history.action, given.history.next_obs)))
        expert = model.adapt(Context(history, given.mask[one], factors=given.factors[one]))
        torch.testing.assert_close(rollout(expert, obs[one], action[one])[0], together[b], atol=1e-5, rtol=1e-5)


def test_without_history_all_systems_get_the_same_expert(model):
    given = replace(Context.empty(B, SPEC), factors=torch.ones(B, 2))
    expert = model.adapt(given)
    obs, action = (v[:1].expand(B, *v.shape[1:]) for v in query())
    predicted = rollout(expert, obs, action)
    assert torch.isfinite(predicted).all()
    torch.testing.assert_close(predicted, predicted[:1].expand_as(predicted), atol=1e-5, rtol=1e-5)


def test_a_fully_masked_history_is_no_history(model):
    given = context()
    masked = replace(given, mask=torch.zeros_like(given.mask))
    none = replace(Context.empty(B, SPEC), factors=given.factors)
    torch.testing.assert_close(predict(model, masked), predict(model, none), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("k", [0, K])
def test_every_parameter_gets_a_gradient(model, k):
    """Of zeros, perhaps, without history and views; distributed training wants one of each in any case."""
    given = replace(context(k), views=views() if k and model.looks else None)
    for (name, _), gradient in zip(model.named_parameters(), with_gradients(model, given)[1:], strict=True):
        assert torch.isfinite(gradient).all(), name
        assert k == 0 or gradient.abs().sum() > 0, name


def test_state_dict_round_trip_under_weights_only(path, model):
    file = io.BytesIO()
    torch.save(model.state_dict(), file)
    file.seek(0)
    other = build(path, seed=5)
    given = context()
    assert not torch.equal(predict(other, given), predict(model, given))
    other.load_state_dict(torch.load(file, weights_only=True))
    assert torch.equal(predict(other, given), predict(model, given))


def test_works_in_double_precision(model):
    given = context()
    single = predict(model, given)
    history = given.history.to(torch.float64)
    given = Context(history, given.mask, factors=given.factors.double())
    obs, action = query()
    double = rollout(model.double().adapt(given), obs.double(), action.double())
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), single, atol=1e-4, rtol=1e-4)


def test_overfits_one_tiny_system(model):
    rng = torch.Generator().manual_seed(4)
    obs, action = torch.randn(1, 32, SPEC.obs_dim, generator=rng), torch.randn(1, 32, SPEC.action_dim, generator=rng)
    law = 0.3 * torch.randn(model.spec.input_dim, model.spec.change_dim, generator=rng)
    norm = model.norm
    next_obs = norm.advance(obs, torch.tanh(norm.inputs(obs, action) @ law))
    history = Transitions(*(v[:, :K] for v in (obs, action, next_obs)))
    given = Context(history, torch.ones(1, K, dtype=torch.bool), factors=torch.ones(1, 2))
    optimiser = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(50):
        expert = model.adapt(given)
        loss = norm.relative(expert.step(expert.start(obs), action).next_obs - next_obs).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.1 * norm.relative(next_obs - obs).var()
