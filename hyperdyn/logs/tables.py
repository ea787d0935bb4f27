"""CSV and parquet: tables with a row a time step."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyperdyn.extras import optional
from hyperdyn.logs.columns import Chosen, Columns, choose
from hyperdyn.logs.episodes import LogError, Rows
from hyperdyn.types import StateSpec

Column = NDArray[np.float64]


def read_csv(path: Path, columns: Columns, spec: StateSpec, entries: Sequence[str]) -> Rows:
    """A CSV file with a header. Rows are counted as an editor counts lines: the header is row 1.

    Raises:
        LogError: columns that do not fit, a row of another length, a value that is no number.
    """
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        there = [name.strip() for name in next(reader, [])]
        chosen = choose(columns, there, spec, entries, path.name)
        lines, first, empty = [], 0, 0
        for line in reader:
            if not line:  # nothing is wrong with empty lines at the end
                empty = empty or reader.line_num
                continue
            if empty or len(line) != len(there):
                raise LogError(
                    f"{path.name}: a row of another length",
                    got=f"{0 if empty else len(line)} values in row {empty or reader.line_num}",
                    expected=f"{len(there)}, as the header has",
                    fix="a text with a comma must stand in quotes; a last line that was cut off must go",
                )
            first = first or reader.line_num
            lines.append(line)
    at = {name: there.index(name) for name in chosen.all}
    numbers = {
        n: _numbers([line[i] for line in lines], n, path.name, first) for n, i in at.items() if n != chosen.episode
    }
    names = [line[at[chosen.episode]].strip() for line in lines] if chosen.episode else ["0"] * len(lines)
    return _rows(numbers, names, chosen, columns.action_scale, first)


def read_parquet(path: Path, columns: Columns, spec: StateSpec, entries: Sequence[str]) -> Rows:
    """A parquet file; rows count from 0.

    Raises:
        ConfigError: pyarrow is not installed.
        LogError: columns that do not fit, or that hold no numbers.
    """
    parquet = optional("pyarrow.parquet", "reading parquet")
    try:
        there = parquet.read_schema(path).names
        chosen = choose(columns, there, spec, entries, path.name)
        table = parquet.read_table(path, columns=list(chosen.all))
    except OSError as error:  # what pyarrow raises for a damaged file is one as well
        raise LogError(f"{path.name} cannot be read", got=str(error), expected="a parquet file") from error
    except ValueError as error:
        raise LogError(f"{path.name} cannot be read", got=str(error), expected="a parquet file") from error
    numbers = {}
    for name in (n for n in chosen.all if n != chosen.episode):
        try:
            numbers[name] = np.array(table[name].to_pylist(), dtype=np.float64)  # a null becomes NaN
        except (TypeError, ValueError) as error:
            raise LogError(f"{path.name}: column {name!r} holds no numbers", got=str(table[name].type)) from error
    names = [str(v) for v in table[chosen.episode].to_pylist()] if chosen.episode else ["0"] * table.num_rows
    return _rows(numbers, names, chosen, columns.action_scale, 0)


def _rows(numbers: dict[str, Column], episode: Sequence[str], chosen: Chosen, scale: float, first: int) -> Rows:
    obs = np.stack([numbers[n] for n in chosen.obs], axis=1)
    action = np.stack([numbers[n] for n in chosen.action], axis=1) / scale
    time = None if chosen.time is None else numbers[chosen.time]
    return Rows(obs, action, episode, time, chosen.obs, chosen.action, first)


def _numbers(texts: Sequence[str], name: str, where: str, first: int) -> Column:
    """Numbers [R]; a gap is NaN."""
    numbers = np.full(len(texts), np.nan)
    for i, text in enumerate(texts):
        try:
            numbers[i] = float(text.strip() or "nan")
        except ValueError:
            raise LogError(
                f"{where}: a value is no number",
                got=f"{text!r} in row {first + i}, column {name!r}",
                expected="numbers with a decimal point, or nothing where a value is missing",
            ) from None
    return numbers
