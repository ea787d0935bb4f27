"""Numbers as the cells of a table show them, and which of them are the best."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hyperdyn.evaluate.summary import Summary
from hyperdyn.statistics import Interval

MISSING = "-"
WIDEST = len("12345.678")


def interval_text(found: Summary | None, spec: str) -> str:
    """A summary with the ends of its interval, each in the format `spec`."""
    return text_of(None if found is None else found.interval, spec)


def interval_rows(
    labels: Sequence[str], cells: Sequence[Sequence[Summary | None]], spec: str
) -> tuple[tuple[str, ...], ...]:
    """Rows of a table, each with its label first."""
    return tuple((m, *(interval_text(c, spec) for c in row)) for m, row in zip(labels, cells, strict=True))


def text_of(i: Interval | None, spec: str, infinite: str = "inf") -> str:
    """An interval; `infinite` stands for a number without end."""
    if i is None:
        return MISSING
    value, low, high = (infinite if x == np.inf else _number(x, spec) for x in (i.value, i.low, i.high))
    return f"{value} [{low}, {high}]"


def _number(x: float, spec: str) -> str:
    """In the format `spec`, zero without a sign; of a prediction that ran away, the order of magnitude."""
    text = f"{x:{spec.replace('.', 'z.')}}"
    return text if len(text) <= WIDEST else f"{x:{'+' if spec.startswith('+') else ''}.0e}"


def over_text(labels: Sequence[str], cells: Sequence[Sequence[Summary | None]]) -> str:
    """What the intervals of a table's rows are over; rows of fewer training runs than the others are named."""
    seeds = {m: min(own) for m, row in zip(labels, cells, strict=True) if (own := [c.seeds for c in row if c])}
    systems = sorted({c.systems for row in cells for c in row if c})
    if not seeds:
        return "[95 % interval]"
    most = max(seeds.values())
    over = f"{counted(most, 'training seed')} and {' or '.join(map(str, systems))} systems"
    fewer = ", ".join(f"{m} {n}" for m, n in seeds.items() if n < most)
    return f"[95 % interval over {over}{f'; of fewer seeds: {fewer}' if fewer else ''}]"


def counted(n: int, what: str) -> str:
    """So many of something."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def steps_text(h: int) -> str:
    """How far ahead."""
    return counted(h, "step")


def best_cells(
    cells: Sequence[Sequence[Summary | None]], rows: Sequence[int], largest: bool = False
) -> tuple[tuple[int, ...], ...]:
    """For each row the columns, labels included, in which none of `rows` is better; none if all are alike."""
    marked: list[list[int]] = [[] for _ in cells]
    for column in range(len(cells[0]) if cells else 0):
        values = {i: c.interval.value for i in rows if (c := cells[i][column]) is not None}
        best = (max if largest else min)(values.values(), default=None)
        for i, value in values.items():
            if value == best and len(set(values.values())) > 1:
                marked[i].append(column + 1)
    return tuple(map(tuple, marked))
