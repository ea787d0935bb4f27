"""Interleaved timing: two calls in turn, compared pair by pair, so that whatever else the machine does hits both."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median


def ratio(ours: Callable[[], object], theirs: Callable[[], object], pairs: int) -> float:
    """Median over pairs of the time of `ours` over that of `theirs`, on the calling thread."""
    seconds(ours)
    seconds(theirs)
    found = []
    for i in range(pairs):
        if i % 2:  # neither is always the first to run
            mine, other = seconds(ours), seconds(theirs)
        else:
            other, mine = seconds(theirs), seconds(ours)
        found.append(mine / other)
    return median(found)


def seconds(call: Callable[[], object]) -> float:
    """Wall time of one call [s]."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began
