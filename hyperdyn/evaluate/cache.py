"""Outcomes that take minutes to compute and never change."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import final


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
        """Keep these beside what is there; what another process adds at the same moment may be lost."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps({**self.read(), **rows}, indent=1), encoding="utf-8")
        temporary.replace(self.path)
