"""Laws of the per-system ceiling."""

import pytest
import torch

from hyperdyn.errors import ConfigError
from hyperdyn.models.system_experts import SystemExperts
from hyperdyn.types import Context, StateSpec

SPEC = StateSpec(3, 1)
FACTORS = torch.tensor([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]])


def context(factors: torch.Tensor) -> Context:
    empty = Context.empty(len(factors), SPEC)
    return Context(empty.history, empty.mask, factors=factors)


def test_each_system_has_a_network_of_its_own_in_any_order() -> None:
    torch.manual_seed(0)
    model = SystemExperts(SPEC, factor_dim=2, systems=3, hidden=[4])
    first = model.adapt(context(FACTORS)).theta
    again = model.adapt(context(FACTORS[[2, 0, 0]])).theta
    assert first is not None
    assert again is not None
    assert torch.equal(again, first[[2, 0, 0]])
    assert not torch.equal(first[0], first[1])


def test_the_loss_of_one_system_moves_no_other() -> None:
    model = SystemExperts(SPEC, factor_dim=2, systems=3, hidden=[4])
    model.adapt(context(FACTORS))
    theta = model.adapt(context(FACTORS[[1]])).theta
    assert theta is not None
    theta.sum().backward()
    assert model.theta.grad is not None
    moved = model.theta.grad.abs().sum(1) > 0
    assert moved.tolist() == (model.factors == FACTORS[1]).all(-1).tolist()


def test_a_system_that_was_not_trained_on_is_refused() -> None:
    model = SystemExperts(SPEC, factor_dim=2, systems=2, hidden=[4])
    model.adapt(context(FACTORS[:2]))
    with pytest.raises(ConfigError, match="more systems than experts"):
        model.adapt(context(FACTORS[[2]]))
    with pytest.raises(ConfigError, match="not trained on"):
        model.eval().adapt(context(FACTORS[[2]]))
    with pytest.raises(ConfigError, match="has none"):
        model.adapt(Context.empty(2, SPEC))
