"""The systems that a log was recorded from: one, unless it says otherwise."""

from __future__ import annotations

from collections.abc import Sequence

from hyperdyn.errors import nearest
from hyperdyn.logs.episodes import Episode, LogError

SHOWN = 8
"""Names of systems in a message."""


def by_system(episodes: Sequence[Episode]) -> dict[str, list[Episode]]:
    """The episodes of each system by its name, in the order of the log."""
    found: dict[str, list[Episode]] = {}
    for episode in episodes:
        found.setdefault(episode.system, []).append(episode)
    return found


def of_system(episodes: Sequence[Episode], name: str | None) -> list[Episode]:
    """The episodes of one system; with no name, of the only one that there is.

    Raises:
        LogError: several systems and no name, or a name that the log does not have.
    """
    systems = by_system(episodes)
    if name is None and len(systems) > 1:
        names = ", ".join([*list(systems)[:SHOWN], *(["..."] if len(systems) > SHOWN else [])])
        raise LogError("this log is of several systems", got=f"{len(systems)}: {names}", fix="choose one: system=NAME")
    if name is not None and name not in systems:
        fix = nearest(name, systems) if any(systems) else "leave `system` out: this log does not name any"
        raise LogError("no such system in the log", got=name, fix=fix)
    return systems[name] if name is not None else list(episodes)
