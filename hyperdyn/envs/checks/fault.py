"""One thing that is not as it is declared."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Fault:
    """what: the fault in words. note: it limits what can be done, but nothing is wrong."""

    what: str
    got: object
    expected: object
    fix: str
    note: bool = False

    def __str__(self) -> str:
        lines = [f"{'note' if self.note else 'fault'}: {self.what}", f"  got:      {self.got}"]
        return "\n".join([*lines, f"  expected: {self.expected}", f"  fix:      {self.fix}"])
