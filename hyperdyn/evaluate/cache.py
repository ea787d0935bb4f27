"""Outcomes that take minutes to compute and never change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import final

from hyperdyn.files import locked, write_whole


@final
class OutcomeCache:
    """A JSON file of rows of numbers by key, replaced in one step. A file that cannot be read counts as empty."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, list[float]]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            return {str(key): [float(v) for v in row] for key, row in content.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def add(self, rows: Mapping[str, list[float]]) -> None:
        """Keep these beside what is there and what other processes add."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with locked(self.path.parent):
            write_whole(self.path, json.dumps({**self.read(), **rows}, indent=1).encode())
