"""From a file, whatever its format, to episodes."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from hyperdyn.errors import nearest
from hyperdyn.logs.columns import Columns
from hyperdyn.logs.episodes import Episode, LogError, Rows, check_sizes, episodes_of
from hyperdyn.logs.tables import read_csv, read_parquet
from hyperdyn.types import StateSpec

MINARI = "minari:"
"""Before the name of a Minari dataset."""

Reader = Callable[[Path, Columns, StateSpec, Sequence[str]], Rows]


def read_log(
    source: str | Path,
    spec: StateSpec,
    columns: Columns | None = None,
    entries: Sequence[str] = (),
    dt: float | None = None,
) -> list[Episode]:
    """The episodes of a log: a .csv, .parquet or .npz file, a folder of a Minari dataset, or `minari:NAME`.

    An .npz holds obs [R,S], action [R,A] and, if there is more than one episode, episode [R].

    entries: what the family calls the entries of an observation. dt: seconds between rows.

    Raises:
        LogError: no such file, an unknown format, or contents that do not fit; names the row.
        ConfigError: the package that reads the format is not installed.
    """
    columns = columns or Columns()
    path = Path(source)
    if str(source).startswith(MINARI) or path.is_dir():
        from hyperdyn.logs.minari import read_minari

        return read_minari(source, spec, columns.action_scale)
    if path.suffix not in READERS:
        expected = f"{', '.join(READERS)}, the folder of a Minari dataset, or {MINARI}NAME"
        raise LogError("a log of an unknown format", got=str(source), expected=expected)
    if not path.is_file():
        there = [p.name for p in path.parent.glob("*") if p.suffix in READERS]
        raise LogError("there is no such log", got=str(source), fix=nearest(path.name, there) if there else None)
    rows = READERS[path.suffix](path, columns, spec, entries)
    return episodes_of(rows, path.name, spec, dt)


def read_npz(path: Path, columns: Columns, spec: StateSpec, entries: Sequence[str]) -> Rows:
    """Arrays of NumPy, never unpickled; rows count from 0."""
    try:
        with np.load(path, allow_pickle=False) as file:
            arrays = {name: file[name] for name in ("obs", "action", "episode") if name in file.files}
            there = list(file.files)
    except (ValueError, OSError, EOFError, zipfile.BadZipFile) as error:
        raise LogError(
            f"{path.name} cannot be read", got=str(error), expected="an .npz file of plain numbers"
        ) from error
    shapes = {name: array.shape for name, array in arrays.items()}
    if not _fit(shapes):
        raise LogError(
            f"{path.name} holds other arrays",
            got=f"{shapes or there}",
            expected="obs [R,S], action [R,A] and, for more than one episode, episode [R]",
            fix="one row a time step; the action in an episode's last row is not looked at",
        )
    obs, action = arrays["obs"], arrays["action"]
    check_sizes(path.name, obs.shape[1], action.shape[1], spec)
    names = [str(v) for v in arrays["episode"]] if "episode" in arrays else ["0"] * len(obs)
    return Rows(obs.astype(np.float64), action.astype(np.float64) / columns.action_scale, names)


def _fit(shapes: dict[str, tuple[int, ...]]) -> bool:
    """Whether arrays of these shapes are a table of rows."""
    obs, action = shapes.get("obs", ()), shapes.get("action", ())
    rows = obs[:1]
    return len(obs) == len(action) == 2 and action[:1] == rows and shapes.get("episode", rows) == rows


READERS: dict[str, Reader] = {".csv": read_csv, ".parquet": read_parquet, ".npz": read_npz}
