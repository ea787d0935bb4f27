"""Dataclasses of tensors that are handled as one tensor is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Self

from torch import Tensor


class Movable:
    """A dataclass of tensors, or of such dataclasses, that moves between devices as one tensor does."""

    def to(self, *args: Any, **kwargs: Any) -> Self:
        return self._each(lambda v: v.to(*args, **kwargs))

    def part(self, rows: slice | Tensor) -> Self:
        """The same of some of its systems: rows along the first dimension of every tensor."""
        return self._each(lambda v: v.part(rows) if isinstance(v, Movable) else v[rows])

    def _each(self, change: Callable[[Any], Any]) -> Self:
        changed = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        changed = {k: change(v) if isinstance(v, (Tensor, Movable)) else v for k, v in changed.items()}
        return type(self)(**changed)
