"""Which columns of a table are what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from hyperdyn.errors import ConfigError, nearest
from hyperdyn.logs.episodes import LogError
from hyperdyn.types import StateSpec


@dataclass(frozen=True)
class Columns:
    """Names of the columns of a log.

    obs, action: in the model's order; None is the names that the family gives its entries, or else s0, s1, ... and
        a0, a1, ...
    episode: None, or without such a column: the whole log is one episode.
    time: seconds; None is not looked at.
    action_scale: the log's actions are divided by it.

    Raises:
        ConfigError: a scale that is not positive.
    """

    obs: Sequence[str] | None = None
    action: Sequence[str] | None = None
    episode: str | None = "episode"
    time: str | None = None
    action_scale: float = 1.0

    def __post_init__(self) -> None:
        if not self.action_scale > 0:
            raise ConfigError("columns.action_scale divides the actions", got=self.action_scale, expected="more than 0")


@dataclass(frozen=True)
class Chosen:
    """Names of columns that a table has."""

    obs: tuple[str, ...]
    action: tuple[str, ...]
    episode: str | None
    time: str | None

    @property
    def all(self) -> tuple[str, ...]:
        return (*self.obs, *self.action, *(name for name in (self.episode, self.time) if name is not None))


def choose(columns: Columns, there: Sequence[str], spec: StateSpec, entries: Sequence[str], where: str) -> Chosen:
    """The columns to read of a table that has those named in `there`.

    entries: what the family calls the entries of an observation; may be none.

    Raises:
        LogError: columns that are missing, or too many, or too few.
    """
    numbered = tuple(f"s{i}" for i in range(spec.obs_dim))
    usual = tuple(entries) if entries and set(entries) <= set(there) else numbered
    obs = usual if columns.obs is None else tuple(columns.obs)
    action = tuple(f"a{i}" for i in range(spec.action_dim)) if columns.action is None else tuple(columns.action)
    for name, given, count in (("obs", obs, spec.obs_dim), ("action", action, spec.action_dim)):
        if len(given) != count or len(set(given)) != count:
            raise LogError(
                f"columns.{name} does not fit the model",
                got=f"{len(given)} names: {', '.join(given)}",
                expected=f"{count} different ones, in the model's order" + _called(name, entries),
                fix=f"columns.{name}=[...]",
            )
    time = columns.time
    missing = [name for name in (*obs, *action, *([] if time is None else [time])) if name not in there]
    if missing:
        raise LogError(
            f"{where} lacks columns",
            got=f"it has {', '.join(there)}",
            expected=f"{', '.join(missing)} as well" + _called("obs", entries),
            fix=f"columns.obs=[...] columns.action=[...] name them; {nearest(missing[0], there)}",
        )
    return Chosen(obs, action, columns.episode if columns.episode in there else None, time)


def _called(name: str, entries: Sequence[str]) -> str:
    return f" ({'; '.join(entries)})" if name == "obs" and entries else ""
