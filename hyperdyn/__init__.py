"""Adaptive dynamics models: a hypernetwork generates an expert for the system at hand, a planner acts through it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperdyn.checkpoint import load as load

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """`hyperdyn.load`, without loading torch before it is asked for."""
    if name == "load":
        from hyperdyn.checkpoint import load

        return load
    raise AttributeError(f"module 'hyperdyn' has no attribute '{name}'")
