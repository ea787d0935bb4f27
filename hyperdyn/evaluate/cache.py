"""Returns that take minutes to compute and never change."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import final


@final
class ReturnCache:
    """A JSON file of returns by key, replaced in one step. A file that cannot be read counts as empty."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> dict[str, float]:
        try:
            content = json.loads(self.path.read_text(encoding="utf-8"))
            return {str(key): float(value) for key, value in content.items()}
        except (OSError, ValueError, AttributeError, TypeError):
            return {}

    def add(self, returns: Mapping[str, float]) -> None:
        """Keep these beside what is there; what another process adds at the same moment may be lost."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f"{self.path.name}.{os.getpid()}.tmp")
        temporary.write_text(json.dumps({**self.read(), **returns}, indent=1), encoding="utf-8")
        temporary.replace(self.path)
