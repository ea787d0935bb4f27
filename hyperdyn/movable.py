"""Dataclasses of tensors that are handled as one tensor is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields
from typing import Any, Self

import torch
from torch import Tensor


class Movable:
    """A dataclass of tensors, or of such dataclasses, that moves between devices as one tensor does."""

    def to(self, *args: Any, **kwargs: Any) -> Self:
        """On another device, of another type, or both, as `torch.nn.Module.to`: what is true or false stays so."""
        return self._each(lambda v: _moved(v, *args, **kwargs))

    def part(self, rows: slice | Tensor) -> Self:
        """The same of some of its systems: rows along the first dimension of every tensor."""
        return self._each(lambda v: v.part(rows) if isinstance(v, Movable) else v[rows])

    def _each(self, change: Callable[[Any], Any]) -> Self:
        changed = {f.name: getattr(self, f.name) for f in fields(self)}  # type: ignore[arg-type]
        changed = {k: change(v) if isinstance(v, (Tensor, Movable)) else v for k, v in changed.items()}
        return type(self)(**changed)


def _moved(value: Any, *args: Any, **kwargs: Any) -> Any:
    moved = value.to(*args, **kwargs)
    truth = isinstance(value, Tensor) and value.dtype is torch.bool
    return value.to(moved.device) if truth else moved
