"""Intervals that behaviours draw from."""

from __future__ import annotations

import math
from collections.abc import Sequence

from hyperdyn.errors import ConfigError


def check_range(name: str, value: Sequence[float], low: float = 0.0, high: float = math.inf) -> tuple[float, float]:
    """`value` as a pair low <= a <= b <= high of finite numbers.

    Raises:
        ConfigError: it is not one.
    """
    pair = tuple(float(v) for v in value)
    if len(pair) != 2 or not low <= pair[0] <= pair[1] <= high or not all(map(math.isfinite, pair)):
        raise ConfigError(
            f"'{name}' of a behaviour is not an interval",
            got=list(value),
            expected=f"[a, b] with {low:g} <= a <= b" + (f" <= {high:g}" if high < math.inf else ""),
        )
    return pair[0], pair[1]
