"""Hidden factors that are no constructor arguments: attributes set after construction."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np
from torch import Tensor

from hyperdyn.envs.expression import Expression
from hyperdyn.errors import ConfigError

_PATH = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*(\[\d+(,\s*\d+)*\])?")


def formulas(attributes: Mapping[str, Any], factors: Mapping[str, Any]) -> dict[str, Expression]:
    """Path of an attribute to the formula of its value, over factors and over `value`, the one that it had.

    Raises:
        ConfigError: a path or a formula that cannot be read.
    """
    for path in attributes:
        if not _PATH.fullmatch(path):
            raise ConfigError("attributes: no path", got=path, expected="such as length, or model.opt.gravity[2]")
    return {path: Expression(str(source), (*factors, "value")) for path, source in attributes.items()}


def apply(env: Any, attributes: Mapping[str, Expression], factors: Mapping[str, float]) -> None:
    """Set attributes of an unwrapped environment, in the order given; arrays are changed in place.

    Raises:
        ConfigError: the environment has no such attribute.
    """
    for path, formula in attributes.items():
        head, _, index = path.rstrip("]").partition("[")
        *parents, last = head.split(".")
        owner = env
        try:
            for name in parents:
                owner = getattr(owner, name)
            old = getattr(owner, last)
        except AttributeError as error:
            raise ConfigError(f"attributes: {path}", got=error, fix="a path below the unwrapped environment") from error
        where = tuple(int(i) for i in index.split(",")) if index else ...
        value = formula(**factors, value=np.array(old[where], float) if index else _number(old))
        value = value.numpy() if isinstance(value, Tensor) else value
        if isinstance(old, np.ndarray):
            old[where] = value
        else:
            setattr(owner, last, _as(old, value))
    if any(path.startswith("model.") for path in attributes) and isinstance(
        getattr(env, "model", None), mujoco.MjModel
    ):
        mujoco.mj_setConst(env.model, mujoco.MjData(env.model))  # what follows from masses and inertias


def _as(old: Any, value: Any) -> Any:
    """A value as the kind of number that an attribute was; a whole number that it may no longer be becomes a float."""
    if not isinstance(old, (int, float)):
        return value
    return type(old)(value) if float(value).is_integer() else float(value)


def _number(old: Any) -> Any:
    return old.copy() if isinstance(old, np.ndarray) else old
