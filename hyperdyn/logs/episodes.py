"""A log as episodes: what every format is read into, and the checks that all of them pass."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperdyn.errors import HyperdynError
from hyperdyn.types import StateSpec

Floats = NDArray[np.float32]
ACTION_SLACK = 1e-4
"""How far an action may leave [-1, 1]: rounding only."""
PACE_SLACK = 0.05
"""How far the time between rows may be from the family's, as a share of it."""


class LogError(HyperdynError):
    """A log that cannot be what it should be."""


@dataclass(frozen=True)
class Episode:
    """One uninterrupted piece of a log. name: what the log calls it. system: likewise; empty if it names none."""

    name: str
    obs: Floats  # [L+1,S]
    action: Floats  # [L,A]
    system: str = ""

    @property
    def steps(self) -> int:
        return len(self.action)


@dataclass(frozen=True)
class Rows:
    """A log as rows in time order: what was observed, and the action that was taken then.

    The action in the last row of an episode is not looked at: what it did is not in the log.

    first: number of the first row as the file's reader counts, for messages.
    """

    obs: NDArray[np.float64]  # [R,S]
    action: NDArray[np.float64]  # [R,A]
    episode: Sequence[str]  # [R]
    time: NDArray[np.float64] | None = None  # [R] seconds
    obs_names: tuple[str, ...] = ()
    action_names: tuple[str, ...] = ()
    first: int = 0


def check_sizes(where: str, obs: int, action: int, spec: StateSpec) -> None:
    """Raises LogError unless a row has S observations and A actions."""
    if (obs, action) != (spec.obs_dim, spec.action_dim):
        raise LogError(
            f"{where} does not fit the model",
            got=f"{obs} observation entries and {action} actions",
            expected=f"{spec.obs_dim} and {spec.action_dim}",
            fix="name the columns in the model's order: columns.obs=[...] columns.action=[...]",
        )


def episodes_of(rows: Rows, where: str, spec: StateSpec, dt: float | None = None) -> list[Episode]:
    """The episodes of a log, every row checked.

    where: the file's name, for messages. dt: seconds between rows, checked where the rows have a time.

    Raises:
        LogError: sizes that do not fit, a value that is not finite, an action outside [-1, 1], an episode of one row
            or in two pieces, time that does not run at the family's pace.
    """
    check_sizes(where, rows.obs.shape[1], rows.action.shape[1], spec)
    ends = _ends(rows, where)
    found = []
    for start, end in ends:
        name = rows.episode[start]
        if end - start < 2:
            raise LogError(
                f"{where}: episode {name} is too short",
                got=f"one row, row {rows.first + start}",
                expected="2 rows or more: a step is what happens between two rows",
                fix="leave the episode out",
            )
        if rows.time is not None:
            _check_pace(rows, where, start, end, dt)
        _check_finite(rows.obs[start:end], rows.obs_names, where, rows.first + start)
        action = rows.action[start : end - 1]
        _check_finite(action, rows.action_names, where, rows.first + start)
        _check_box(action, rows.action_names, where, rows.first + start)
        clipped = action.clip(-1.0, 1.0).astype(np.float32)
        found.append(Episode(name, rows.obs[start:end].astype(np.float32), clipped))
    return found


def _ends(rows: Rows, where: str) -> list[tuple[int, int]]:
    """First row of each episode, and the one after its last."""
    total = len(rows.obs)
    if total == 0:
        raise LogError(f"{where} is empty", got="no rows", expected="one row a time step")
    names = np.asarray(rows.episode)
    starts = [0, *(np.flatnonzero(names[1:] != names[:-1]) + 1).tolist()]
    seen: set[str] = set()
    for start in starts:
        if names[start] in seen:
            raise LogError(
                f"{where}: episode {names[start]} is in two pieces",
                got=f"it begins again in row {rows.first + start}",
                expected="the rows of an episode together, in time order",
                fix="sort the rows by episode and time",
            )
        seen.add(names[start])
    return list(zip(starts, [*starts[1:], total], strict=True))


def _check_pace(rows: Rows, where: str, start: int, end: int, dt: float | None) -> None:
    assert rows.time is not None
    time = rows.time[start:end]
    _check_finite(time[:, None], ("time",), where, rows.first + start)
    steps = np.diff(time)
    wrong = steps <= 0 if dt is None else np.abs(steps - dt) > PACE_SLACK * dt
    if wrong.any():
        at = int(np.argmax(wrong))
        raise LogError(
            f"{where}: time does not run as in the model's training",
            got=f"{steps[at]:g} s from row {rows.first + start + at} to the next",
            expected="time that increases" if dt is None else f"{dt:g} s, to {100 * PACE_SLACK:.0f} %",
            fix="resample the log to that pace, and begin a new episode where rows are missing",
        )


def _check_finite(values: NDArray[np.float64], names: Sequence[str], where: str, first: int) -> None:
    with np.errstate(over="ignore"):
        bad = np.argwhere(~np.isfinite(values.astype(np.float32)))
    if len(bad):
        row, entry = bad[0]
        raise LogError(
            f"{where}: a value is not a finite number",
            got=f"{values[row, entry]} in row {first + row}, column {_name(names, entry)}; {len(bad)} such values",
            expected="a number of single precision in every observation, and in every action but an episode's last",
            fix="fill the gap, or end the episode before it and begin another after it",
        )


def _check_box(action: NDArray[np.float64], names: Sequence[str], where: str, first: int) -> None:
    bad = np.argwhere(np.abs(action) > 1 + ACTION_SLACK)
    if len(bad):
        row, entry = bad[0]
        raise LogError(
            f"{where}: an action is outside [-1, 1]",
            got=f"{action[row, entry]:g} in row {first + row}, column {_name(names, entry)}; {len(bad)} such values,"
            f" the largest {np.abs(action).max():g}",
            expected="actions in [-1, 1], the box that the model was trained with",
            fix="columns.action_scale=LIMIT divides the actions by the actuator's limit",
        )


def _name(names: Sequence[str], entry: int) -> str:
    return repr(names[entry]) if entry < len(names) else str(entry)
