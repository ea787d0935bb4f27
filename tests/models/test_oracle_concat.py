"""The true factors beside state and action."""

import pytest
import torch

from hyperdyn.errors import ConfigError
from hyperdyn.models.oracle_concat import OracleConcat
from hyperdyn.types import Context, StateSpec

SPEC = StateSpec(obs_dim=3, action_dim=1)
FACTORS = torch.tensor([[2.0, 0.5], [6.0, 2.0]])


@pytest.fixture
def model() -> OracleConcat:
    torch.manual_seed(0)
    return OracleConcat(SPEC, [[-2.0, 6.0], [0.5, 2.0]], [False, True], hidden=[8], code_dim=5)


def told() -> Context:
    empty = Context.empty(2, SPEC)
    return Context(empty.history, empty.mask, factors=FACTORS)


def test_the_code_is_of_the_standardised_factors_and_stands_beside_each_row(model):
    expert = model.adapt(told())
    code = model.encoder(torch.tensor([[0.0, -1.0], [1.0, 1.0]]))
    torch.testing.assert_close(expert.code, code)
    x = torch.randn(2, 7, SPEC.input_dim)
    expected = model.net.net(torch.cat([x, code[:, None].expand(2, 7, 5)], dim=-1))
    torch.testing.assert_close(expert.net(x), expected, atol=1e-5, rtol=1e-5)


def test_a_context_without_factors_is_refused_with_a_fix(model):
    with pytest.raises(ConfigError, match=r"fix: +fill Context.factors"):
        model.adapt(Context.empty(2, SPEC))
