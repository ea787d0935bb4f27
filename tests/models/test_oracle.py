import pytest
import torch

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.models.oracle import Oracle
from hyperdyn.types import Context, StateSpec

SPEC = StateSpec(obs_dim=3, action_dim=1)


def oracle() -> Oracle:
    torch.manual_seed(0)
    return Oracle(SPEC, [[-2.0, 6.0], [0.5, 2.0]], [False, True])


def test_the_training_range_is_standardised_to_the_unit_interval():
    factors = torch.tensor([[-2.0, 0.5], [2.0, 1.0], [6.0, 2.0], [10.0, 4.0]])
    expected = torch.tensor([[-1.0, -1.0], [0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    torch.testing.assert_close(oracle().scaling(factors), expected)


def test_a_factor_that_training_never_varies_is_centred_and_unscaled():
    scaling = Oracle(SPEC, [[1.0, 1.0], [2.0, 2.0]], [False, True]).scaling
    expected = torch.tensor([[0.0, 0.0], [-1.0, torch.log(torch.tensor(2.0))]])
    torch.testing.assert_close(scaling(torch.tensor([[1.0, 2.0], [0.0, 4.0]])), expected)


def test_a_context_without_factors_is_refused_with_a_fix():
    with pytest.raises(ConfigError, match=r"fix: +fill Context.factors"):
        oracle().adapt(Context.empty(2, SPEC))


def test_another_number_of_factors_is_refused():
    with pytest.raises(ShapeError, match=r"\[B, 2\]"):
        oracle().scaling(torch.zeros(4, 3))


@pytest.mark.parametrize(
    ("ranges", "log"),
    [([[1.0, 0.5]], [False]), ([[0.0, 1.0]], [True]), ([[0.0, 1.0]], [False, True]), ([], [])],
)
def test_impossible_ranges_are_refused(ranges, log):
    with pytest.raises(ConfigError):
        Oracle(SPEC, ranges, log)
