"""What is wrong with a published file, as a person who is to mend it reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

RERUN = "run `hyperdyn bench` again: it makes what is missing"


@dataclass(frozen=True)
class Fault:
    what: str
    got: Any
    expected: Any
    fix: str

    def __str__(self) -> str:
        return f"{self.what}\n    got:      {self.got}\n    expected: {self.expected}\n    fix:      {self.fix}"


def few(items: list[Any]) -> str:
    """The first of them, and how many there are beside."""
    shown = "; ".join(" ".join(map(str, item)) for item in items[:4])
    return (shown + (f"; and {len(items) - 4} more" if len(items) > 4 else "")) or "none"
