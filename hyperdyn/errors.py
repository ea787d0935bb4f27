"""Errors that a user can do something about: what was got, what was expected, how to fix it."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

INTERRUPTED = 130
"""Exit status of a program that Ctrl-C ended."""

PREEMPTED = 143
"""Exit status of a program that SIGTERM ended: a scheduler that took the machine away may queue the job again."""


class HyperdynError(Exception):
    """Root of every error that hyperdyn raises on purpose. The command line prints it without a traceback."""

    def __init__(self, what: str, *, got: object = None, expected: object = None, fix: str | None = None) -> None:
        self.what, self.got, self.expected, self.fix = what, got, expected, fix
        parts = [what]
        if got is not None:
            parts.append(f"  got:      {got}")
        if expected is not None:
            parts.append(f"  expected: {expected}")
        if fix is not None:
            parts.append(f"  fix:      {fix}")
        super().__init__("\n".join(parts))


class ConfigError(HyperdynError):
    """A configuration that cannot be: an unknown name, a value outside its range."""


class ShapeError(HyperdynError):
    """A tensor whose shape or values break a contract."""


class DivergedError(ShapeError):
    """A training whose loss is no number any more."""


class ShardError(HyperdynError):
    """Trajectories on disk that are missing, damaged or of another format."""


class EnvError(HyperdynError):
    """An environment that breaks its own declaration."""


class CheckpointError(HyperdynError):
    """A checkpoint that is not one of ours or does not fit."""


def at_least(least: int, of: object, **values: int) -> None:
    """Raises ConfigError naming the argument of an object that is smaller."""
    for name, value in values.items():
        if value < least:
            raise ConfigError(f"{type(of).__name__}: {name}", got=value, expected=f"{least} or more")


def nearest(name: str, valid: Iterable[str]) -> str:
    """A sentence for `fix=`: the closest valid name, and all of them."""
    names = sorted(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.4)
    hint = f"did you mean '{close[0]}'? " if close else ""
    return f"{hint}there are: {', '.join(names)}"
