from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from hyperdyn.envs import load
from hyperdyn.envs.spec import ExactlyOne, Factor, Family
from hyperdyn.errors import ConfigError


def with_factor(**changes: Any) -> Family:
    family = load("pendulum")
    given = {"unit": "kg", "nominal": 1.0, "train": [[0.5, 1.5]], **changes}
    return replace(family, factors={**family.factors, "mass": given})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train": [[2.0, 1.0]]}, "low end is above its high end"),
        ({"train": []}, "not a list of intervals"),
        ({"train": [[1.0, 2.0, 3.0]]}, "not a list of intervals"),
        ({"log": True, "train": [[0.0, 1.0]]}, "has no logarithm"),
        ({"log": True, "extrapolation": [[-2.0, -1.0]]}, "has no logarithm"),
        ({"extrapolation": [[1.4, 2.0]]}, "overlaps train"),
        ({"train": [1, 2], "extrapolation": [2]}, "overlaps train"),
        ({"train": [[1, 2]], "extrapolation": [1.5]}, "overlaps train"),
        ({"train": [1, [2, 3]]}, "mixes intervals and numbers"),
        ({"trian": [[1.0, 2.0]]}, "did you mean 'train'"),
    ],
)
def test_a_factor_that_cannot_be_is_a_config_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        with_factor(**changes)
    assert "'mass'" in str(error.value)


def test_intervals_may_touch() -> None:
    assert with_factor(train=[[0.5, 1.5]], extrapolation=[[1.5, 2.0]]).factors["mass"].extrapolation == ((1.5, 2.0),)


def test_a_number_may_be_the_end_of_an_interval() -> None:
    assert with_factor(train=[[0.5, 1.5]], extrapolation=[1.5]).factors["mass"].extrapolation == (1.5,)


def test_ranges_span_the_pieces_of_a_split_and_what_its_rules_add() -> None:
    family = with_factor(train=[[0.5, 1.0], [2.0, 3.0]], extrapolation=[4.0])
    rule = ExactlyOne("extrapolation", ("mass", "length"), 0.0)
    family = replace(family, exactly_one=(rule,))
    assert family.ranges("train").tolist() == [[7.5, 12.5], [0.5, 3.0], [0.75, 1.25]]
    assert family.ranges("extrapolation").tolist() == [[2.0, 18.0], [0.0, 4.0], [0.0, 1.8]]


def test_plain_mappings_become_the_declared_types() -> None:
    family = with_factor()
    assert family.factors["mass"] == Factor(unit="kg", nominal=1.0, train=((0.5, 1.5),))
    assert load("cheetah_mix").state.drop == (0,)


@pytest.mark.parametrize(("field", "value", "valid"), [("split", "trian", "train"), ("factors", ["masss"], "mass")])
def test_exactly_one_of_something_unknown_is_a_config_error(field: str, value: Any, valid: str) -> None:
    rule = {"split": "train", "factors": ["mass"], "value": 0.0, field: value}
    with pytest.raises(ConfigError, match=f"did you mean '{valid}'"):
        replace(load("pendulum"), exactly_one=[rule])


def test_unknown_family_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'cheetah_mix'"):
        load("cheeta_mix")


def test_unknown_split_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="did you mean 'extrapolation'"):
        load("pendulum").draw("extrapolating", 1, 0)


def test_numbers_are_drawn_alike_often_and_intervals_by_their_length() -> None:
    rng = np.random.default_rng(0)
    numbers = Factor("1", 0.0, train=(1.0, 2.0, 4.0)).draw("train", 6000, rng)
    assert set(numbers) == {1.0, 2.0, 4.0}
    np.testing.assert_allclose([(numbers == v).mean() for v in (1, 2, 4)], 1 / 3, atol=0.03)
    lengths = Factor("1", 0.0, train=((0.0, 1.0), (2.0, 5.0))).draw("train", 6000, rng)
    assert (lengths > 1.5).mean() == pytest.approx(0.75, abs=0.03)


def test_a_logarithmic_factor_is_uniform_in_its_logarithm() -> None:
    drawn = Factor("1", 1.0, train=((0.5, 2.0),), log=True).draw("train", 6000, np.random.default_rng(0))
    assert (drawn < 1.0).mean() == pytest.approx(0.5, abs=0.03)


def test_exactly_one_factor_takes_the_value_and_each_does() -> None:
    rule = ExactlyOne("interpolation", ("mass", "length"), 9.0)
    family = replace(load("pendulum"), exactly_one=(rule,))
    hit = family.draw("interpolation", 100, 0)[:, 1:] == 9.0
    assert (hit.sum(axis=1) == 1).all()
    assert hit.any(axis=0).all()
    assert not (family.draw("train", 100, 0) == 9.0).any()
