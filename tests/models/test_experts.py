"""Laws of the ensemble of per-system experts."""

import pytest
import torch
from torch import Tensor

from hyperdyn.errors import ConfigError
from hyperdyn.models import experts
from hyperdyn.models.experts import Experts
from hyperdyn.nn.mlp import GeneratedMLP
from hyperdyn.types import Context, StateSpec, Transitions

SPEC = StateSpec(3, 1, angles=(1,))
FACTORS = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
n, B, K = len(FACTORS), 3, 6


def told(factors: Tensor, history: Transitions | None = None, mask: Tensor | None = None) -> Context:
    empty = Context.empty(len(factors), SPEC)
    return Context(history or empty.history, empty.mask if mask is None else mask, factors=factors)


@pytest.fixture
def model() -> Experts:
    """Four experts, unlike each other, that have met four systems; room for two more."""
    torch.manual_seed(0)
    model = Experts(SPEC, factor_dim=2, systems=n + 2, hidden=[5])
    model.norm.change_std.copy_(torch.tensor([0.5, 1.0, 2.0]))
    model.adapt(told(FACTORS))
    return model


def exact(model: Experts, expert: Tensor, k: int = K) -> Context:
    """The context of systems that are just what these experts [B] predict, a third of it hidden and spoilt."""
    rng = torch.Generator().manual_seed(1)
    obs, action = torch.randn(len(expert), k, 3, generator=rng), torch.randn(len(expert), k, 1, generator=rng)
    net = GeneratedMLP(model.expert_spec, model.theta[expert].detach())
    after = model.norm.advance(obs, net(model.norm.inputs(obs, action)))
    mask = torch.arange(k).expand(len(expert), -1) % 3 != 1
    return Context(Transitions(obs, action, torch.where(mask.unsqueeze(-1), after, torch.nan)), mask)


@pytest.mark.parametrize("k", [1, K])
def test_the_right_expert_is_chosen_when_the_context_is_exact(model: Experts, k: int) -> None:
    right = torch.tensor([2, 0, 3])
    theta = model.eval().adapt(exact(model, right, k)).theta
    assert theta is not None
    assert torch.equal(theta, model.theta[right])


def test_the_errors_of_all_experts_are_those_of_each_whatever_is_predicted_at_once(
    model: Experts, monkeypatch: pytest.MonkeyPatch
) -> None:
    x, y = torch.randn(B, K, model.expert_spec.sizes[0]), torch.randn(B, K, 3)
    whole = model.errors(x, y)
    monkeypatch.setattr(experts, "ROWS_AT_ONCE", 4 * len(model.theta))
    torch.testing.assert_close(model.errors(x, y), whole)
    for i, theta in enumerate(model.theta):
        net = GeneratedMLP(model.expert_spec, theta.expand(B, -1))
        torch.testing.assert_close(whole[:, :, i], (net(x) - y).square().mean(-1))


def test_hidden_rows_do_not_speak_for_an_expert_that_is_right_about_nothing(model: Experts) -> None:
    """Hidden rows are read as x = 0, y = 0, of which an expert of zeros is right."""
    zero, right = model.adapt(told(FACTORS[:1])).theta, 2
    assert zero is not None
    with torch.no_grad():
        model.theta[(model.theta == zero).all(1)] = 0.0
    given = exact(model, torch.tensor([right]), k=60)
    theta = model.eval().adapt(Context(given.history, torch.arange(60)[None] == 0)).theta
    assert theta is not None
    assert torch.equal(theta[0], model.theta[right])


def test_an_expert_that_was_never_trained_is_never_chosen(model: Experts) -> None:
    untrained = int(model.factors.isnan().any(1).nonzero()[0, 0])
    theta = model.eval().adapt(exact(model, torch.tensor([untrained]))).theta
    assert theta is not None
    assert not torch.equal(theta[0], model.theta[untrained])


def test_in_training_the_system_says_which_expert_and_its_loss_moves_no_other(model: Experts) -> None:
    contradicting = exact(model, torch.tensor([2]))
    expert = model.adapt(told(FACTORS[[1]], contradicting.history, contradicting.mask))
    assert expert.theta is not None
    expert.theta.sum().backward()
    assert model.theta.grad is not None
    moved = model.theta.grad.abs().sum(1) > 0
    assert moved.tolist() == (model.factors == FACTORS[1]).all(-1).tolist()


def test_without_history_the_expert_speaks_that_was_best_on_average(model: Experts) -> None:
    """All systems of training are what expert 1 predicts, so it is the best on average."""
    given = exact(model, torch.tensor([1, 1, 1]))
    for _ in range(3):
        model.adapt(told(FACTORS[:3], given.history, given.mask))
    x, y = model.norm.pairs(given.history)
    mean = model.errors(x[:, :1], y[:, :1]).mean((0, 1)).detach()
    torch.testing.assert_close(model.average_error, (1 - experts.MEMORY**3) * mean)
    theta = model.eval().adapt(Context.empty(2, SPEC)).theta
    assert theta is not None
    assert torch.equal(theta, model.theta[[1, 1]])


def test_more_systems_than_experts_are_refused_with_a_fix(model: Experts) -> None:
    with pytest.raises(ConfigError, match=r"more systems than experts(.|\n)*raise model.systems"):
        model.adapt(told(FACTORS + 100))


def test_training_without_the_factors_is_refused(model: Experts) -> None:
    with pytest.raises(ConfigError, match="this context has none"):
        model.adapt(Context.empty(2, SPEC))
    with pytest.raises(ConfigError, match="1 or more"):
        Experts(SPEC, factor_dim=2, systems=0)
