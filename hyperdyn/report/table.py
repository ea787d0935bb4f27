"""What a report shows in rows and columns."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    """columns: names, that of the row labels first. best: for each row the columns that hold the best of their kind."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""
    best: tuple[tuple[int, ...], ...] = ()
