"""Formulas in configuration: arithmetic on the entries of observations and actions, and nothing else."""

from __future__ import annotations

import ast
import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import reduce
from inspect import signature
from typing import Any, final

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError, ShapeError, nearest

OPERATORS: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: lambda a, b: _number(a) + _number(b),
    ast.Sub: lambda a, b: _number(a) - _number(b),
    ast.Mult: lambda a, b: _number(a) * _number(b),
    ast.Div: lambda a, b: _number(a) / _number(b),
    ast.Mod: lambda a, b: _number(a) % _number(b),
    ast.Pow: lambda a, b: _power(_number(a), _number(b)),
    ast.USub: lambda a: -_number(a),
    ast.UAdd: lambda a: +_number(a),
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Not: lambda a: torch.logical_not(_tensor(a)),
    ast.And: lambda a, b: torch.logical_and(_tensor(a), _tensor(b)),
    ast.Or: lambda a, b: torch.logical_or(_tensor(a), _tensor(b)),
}

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "abs": lambda a: _tensor(a).abs(),
    "sqrt": lambda a: _tensor(a).sqrt(),
    "exp": lambda a: _tensor(a).exp(),
    "log": lambda a: _tensor(a).log(),
    "sin": lambda a: _tensor(a).sin(),
    "cos": lambda a: _tensor(a).cos(),
    "tan": lambda a: _tensor(a).tan(),
    "tanh": lambda a: _tensor(a).tanh(),
    "sign": lambda a: _tensor(a).sign(),
    "floor": lambda a: _tensor(a).floor(),
    "isfinite": lambda a: _tensor(a).isfinite(),
    "atan2": lambda a, b: torch.atan2(_tensor(a), _tensor(b)),
    "min": lambda a, b: torch.minimum(_tensor(a), _tensor(b)),
    "max": lambda a, b: torch.maximum(_tensor(a), _tensor(b)),
    "clip": lambda a, low, high: torch.minimum(torch.maximum(_tensor(a), _tensor(low)), _tensor(high)),
    "where": lambda yes, a, b: torch.where(_tensor(yes).bool(), _tensor(a), _tensor(b)),
    "sum": lambda a: _number(_tensor(a)).sum(-1, keepdim=True),
    "mean": lambda a: _number(_tensor(a)).mean(-1, keepdim=True),
    "norm": lambda a: _number(_tensor(a)).norm(dim=-1, keepdim=True),
    "any": lambda a: _tensor(a).any(-1, keepdim=True),
    "all": lambda a: _tensor(a).all(-1, keepdim=True),
}
"""`sum`, `mean`, `norm`, `any` and `all` are over the entries of a vector, such as `action` or `obs[2:5]`."""


@final
@dataclass(frozen=True)
class Expression:
    """A formula over named vectors [...,n]; an entry, such as `obs[0]` or `obs['speed']`, is a vector of one.

    names: the vectors and numbers that may occur.
    entries: of some of the vectors, what their entries are called; a unit in brackets need not be written.

    A comparison counts as 0 or 1 in arithmetic.

    Raises:
        ConfigError: a formula that cannot be read, or that names what there is not; when called: one that cannot be
            computed.
        ShapeError: when called: an entry that a vector does not have.
    """

    source: str
    names: tuple[str, ...]
    entries: Mapping[str, Sequence[str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        try:
            self._check(self._tree())
        except RecursionError as error:
            raise ConfigError("a formula is nested too deeply", got=f"{self.source[:40]} ...") from error

    def used(self) -> set[str]:
        """The names that occur in the formula."""
        return {node.id for node in ast.walk(self._tree()) if isinstance(node, ast.Name)} & set(self.names)

    def __call__(self, **values: Any) -> Any:
        try:
            return self._value(self._tree(), values)
        except (ArithmeticError, AttributeError, IndexError, RuntimeError, TypeError, ValueError) as error:
            raise ConfigError(f"the formula {self.source} cannot be computed", got=error) from error

    def _tree(self) -> ast.expr:
        try:
            return ast.parse(self.source.strip(), mode="eval").body
        except (SyntaxError, ValueError) as error:
            raise ConfigError("a formula cannot be read", got=f"{self.source}: {error}") from error

    def _value(self, node: ast.expr, values: Mapping[str, Any]) -> Any:
        if isinstance(node, ast.Constant):
            return float(node.value)  # type: ignore[arg-type]
        if isinstance(node, ast.Name):
            return values[node.id]
        if isinstance(node, ast.Subscript):
            return self._entries(node, values[node.value.id])  # type: ignore[attr-defined]
        if isinstance(node, ast.UnaryOp):
            return OPERATORS[type(node.op)](self._value(node.operand, values))
        if isinstance(node, ast.BinOp):
            return OPERATORS[type(node.op)](self._value(node.left, values), self._value(node.right, values))
        if isinstance(node, ast.BoolOp):
            return reduce(OPERATORS[type(node.op)], (self._value(v, values) for v in node.values))
        if isinstance(node, ast.Compare):
            sides = [self._value(v, values) for v in (node.left, *node.comparators)]
            pairs = zip(node.ops, sides, sides[1:], strict=False)
            return reduce(OPERATORS[ast.And], (OPERATORS[type(op)](a, b) for op, a, b in pairs))
        assert isinstance(node, ast.Call)
        assert isinstance(node.func, ast.Name)
        return FUNCTIONS[node.func.id](*(self._value(a, values) for a in node.args))

    def _entries(self, node: ast.Subscript, vector: Any) -> Any:
        found = vector[..., self._index(node)]
        if not found.shape[-1]:
            there = f"entries 0 to {vector.shape[-1] - 1}"
            raise ShapeError(f"no such entry in the formula {self.source}", got=ast.unparse(node), expected=there)
        return found

    def _check(self, node: ast.AST) -> None:
        """Raises ConfigError at the first part of the formula that is none."""
        if isinstance(node, ast.Constant) and isinstance(node.value, (int, float)):
            return
        if isinstance(node, ast.Name):
            self._known(node.id, self.names)
            return
        if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name):
            self._known(node.value.id, self.names)
            self._index(node)
            return
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
            self._known(node.func.id, FUNCTIONS)
            takes = len(signature(FUNCTIONS[node.func.id]).parameters)
            if len(node.args) != takes:
                what = f"{node.func.id} in the formula {self.source}"
                raise ConfigError(what, got=f"{len(node.args)} arguments", expected=takes)
            for argument in node.args:
                self._check(argument)
            return
        operators = [getattr(node, "op", None), *getattr(node, "ops", [])]
        arithmetic = isinstance(node, (ast.UnaryOp, ast.BinOp, ast.BoolOp, ast.Compare))
        if not arithmetic or any(op is not None and type(op) not in OPERATORS for op in operators):
            fix = f"numbers, + - * / % **, comparisons, and, or, not, and {', '.join(FUNCTIONS)}"
            raise ConfigError(f"a formula holds what is no arithmetic: {self.source}", got=ast.unparse(node), fix=fix)
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                self._check(child)

    def _known(self, name: str, valid: Any) -> None:
        if name not in valid:
            raise ConfigError(f"unknown name in the formula {self.source}", got=name, fix=nearest(name, valid))

    def _index(self, node: ast.Subscript) -> slice:
        """The entries that a subscript names: always a slice, so that one entry is a vector too."""
        vector = node.value.id  # type: ignore[attr-defined]
        try:
            if isinstance(node.slice, ast.Slice):
                ends = [ast.literal_eval(end) if end else None for end in (node.slice.lower, node.slice.upper)]
                if node.slice.step is None and all(end is None or type(end) is int for end in ends):
                    return slice(*ends)
            index = None if isinstance(node.slice, ast.Slice) else ast.literal_eval(node.slice)
        except ValueError:
            index = None
        if isinstance(index, str):
            names = [name.partition(" [")[0] for name in self.entries.get(vector, ())]
            self._known(index, names)
            return slice(names.index(index), names.index(index) + 1)
        if type(index) is not int:
            fix = f"{vector}[0], or {vector}[0:2]"
            raise ConfigError(f"an index in the formula {self.source}", got=ast.unparse(node), fix=fix)
        return slice(index, index + 1 or None)


def _tensor(value: Any) -> Tensor:
    return torch.as_tensor(value)


def _number(value: Any) -> Any:
    """A comparison as 0 or 1."""
    return value.to(torch.get_default_dtype()) if isinstance(value, Tensor) and value.dtype == torch.bool else value


def _power(base: Any, exponent: Any) -> Any:
    """Of two plain numbers too a real number, or none: Python's own is complex where no real one is."""
    plain = isinstance(base, float) and isinstance(exponent, float)
    return math.pow(base, exponent) if plain else base**exponent
