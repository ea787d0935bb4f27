"""Formulas of configuration are the arithmetic that Python does, and nothing else runs."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest
import torch

from hyperdyn.envs.expression import Expression
from hyperdyn.envs.formula import Formula
from hyperdyn.errors import ConfigError, ShapeError

ENTRIES = ("angle [rad]", "speed")


def reward(source: str) -> Formula:
    return Formula(source, 0.1, (-2.0,), (4.0,), entries=ENTRIES)


@pytest.mark.parametrize(
    "source",
    [
        "1", "-a**2 + 0.1*b", "(a + b) / (1 + b*b) % 3", "a - b - 1", "2**-a", "+a",
        "abs(a) * sqrt(b*b) + exp(-a) + log(b*b + 1)", "sin(a) + cos(b) + tan(a) + tanh(b)", "atan2(a, b)",
        "min(a, b) - max(a, 0.5)", "clip(a, -0.2, 0.2)", "where(a > b, a, 2)", "sign(a) * floor(b)",
    ],
)  # fmt: skip
def test_a_formula_is_pythons_own_arithmetic(source: str) -> None:
    rng = np.random.default_rng(0)
    python = {name: getattr(math, name) for name in ("sqrt", "exp", "log", "sin", "cos", "tan", "tanh", "atan2")}
    python |= {"abs": abs, "min": min, "max": max, "floor": math.floor, "sign": lambda x: math.copysign(1, x)}
    python |= {"clip": lambda x, low, high: min(max(x, low), high), "where": lambda c, x, y: x if c else y}
    formula = Expression(source, ("a", "b"))
    for a, b in rng.normal(size=(20, 2)):
        expected = eval(source, python, {"a": a, "b": b})
        found = formula(a=torch.tensor([a]), b=torch.tensor([b]))
        assert float(found) == pytest.approx(expected)


@pytest.mark.parametrize("source", ["-1 < a <= b", "a > 0 and b > 0 or not a > -1", "a > b or a > 0"])
def test_conditions_are_pythons_own(source: str) -> None:
    for a, b in np.random.default_rng(0).normal(size=(50, 2)):
        expected = eval(source, {}, {"a": a, "b": b})
        assert bool(Expression(source, ("a", "b"))(a=torch.tensor([a]), b=torch.tensor([b]))) == expected


def test_entries_are_named_counted_and_cut() -> None:
    obs, action = torch.tensor([[1.0, 2.0], [3.0, 4.0]]), torch.tensor([[0.5], [-1.0]])
    for source, expected in {
        "obs['angle'] + next_obs['speed']": [1 + 20, 3 + 40],
        "obs[-1]": [2, 4],
        "sum(obs)": [3, 7],
        "sum(obs[0:2]**2) * dt": [0.5, 2.5],
        "control[0]": [2.5, -2.0],
        "norm(obs)": [5**0.5, 5],
        "3": [3, 3],
        "where(any(obs > 3.5), 1, 0)": [0, 1],
    }.items():
        torch.testing.assert_close(reward(source)(obs, action, 10 * obs), torch.tensor(expected, dtype=torch.float32))


def test_arrays_give_arrays_and_any_number_of_rows() -> None:
    obs, action = np.random.default_rng(0).normal(size=(3, 4, 5, 2)), np.zeros((3, 4, 5, 1))
    found = reward("obs[0] * 2")(obs, action, obs)
    assert isinstance(found, np.ndarray)
    np.testing.assert_allclose(found, obs[..., 0] * 2)
    assert reward("obs[0] > 0")(obs, action, obs).dtype == bool


@pytest.mark.parametrize(
    "source",
    [
        "__import__('os')", "obs.data", "(lambda: 0)()", "[x for x in obs]", "open('f')", "'text'", "obs @ obs",
        "f'{obs}'", "obs[0:2][0]", "where(obs > 0, 1)", "sin(a=1)", "obs[", "oobs[0]", "obs['spede']",
        "obs if 1 else 2",        "obs[1.5]", "sum", "True.real", "obs[::-1]", "obs['angle':'speed']", "obs[0.5:1]",
        "obs[True]", "-" * 5000 + "1", "1+" * 5000 + "1",
    ],
)  # fmt: skip
def test_nothing_else_is_a_formula(source: str) -> None:
    with pytest.raises(ConfigError):
        reward(source)


@pytest.mark.parametrize(
    "source",
    ["9**9**9**9", "1 / 0", "1 % 0", "(-1)**0.5", "dt[0]", "obs[0:2] + obs"],
)
def test_what_cannot_be_computed_is_an_error_that_says_so(source: str) -> None:
    three, one = torch.ones(4, 3), torch.ones(4, 1)
    with pytest.raises(ConfigError, match="cannot be computed"):
        reward(source)(three, one, three)


@pytest.mark.parametrize("source", ["obs[2]", "sum(obs[2])", "any(obs[2:] > 0)", "obs[-3]", "action[1]"])
def test_an_entry_that_is_not_there_is_no_zero(source: str) -> None:
    obs, action = torch.ones(4, 2), torch.ones(4, 1)
    with pytest.raises(ShapeError, match="no such entry"):
        reward(source)(obs, action, obs)


def test_comparisons_count_as_0_or_1() -> None:
    obs, action = torch.tensor([[1.0, 2.0], [-1.0, 2.0]]), torch.zeros(2, 1)
    for source, expected in {
        "(obs[0] > 0) + (obs[1] > 0)": [2, 1],
        "(obs[0] > 0) - (obs[1] > 0)": [0, -1],
        "-(obs[0] > 0)": [-1, 0],
        "sum(obs > 0)": [2, 1],
        "mean(obs > 0)": [1, 0.5],
    }.items():
        torch.testing.assert_close(reward(source)(obs, action, obs), torch.tensor(expected, dtype=torch.float32))


def test_a_typo_names_the_nearest() -> None:
    for source, near in {"oobs[0]": "obs", "obs['spede']": "speed", "sine(obs[0])": "sin"}.items():
        with pytest.raises(ConfigError, match=f"did you mean '{near}'"):
            reward(source)


def test_a_vector_is_no_reward() -> None:
    with pytest.raises(ShapeError, match="sum"):
        reward("obs**2")(torch.ones(3, 2), torch.ones(3, 1), torch.ones(3, 2))


def test_a_formula_travels() -> None:
    obs = torch.ones(2)
    assert pickle.loads(pickle.dumps(reward("obs[0]")))(obs, obs[:1], obs) == 1.0
