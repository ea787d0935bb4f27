"""Systems as line drawings: what a figure or a GIF needs where there is no OpenGL."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from hyperdyn.envs.simulator import AbstractSimulator, Array
from hyperdyn.errors import EnvError


@runtime_checkable
class Drawable(Protocol):
    """A simulator whose systems have a side view."""

    def segments(self, system: int, state: Array) -> Array:
        """Segments [n,2,2] of a system in a state [X]: segment, end, (x, z)."""

    def ground(self, system: int, x: Array, state: Array) -> Array | None:
        """Height [...] of the ground at x [...] in a state [X], None where there is no ground."""


def segments(simulator: AbstractSimulator, system: int, state: Array) -> Array:
    """The body of a system in a state [X] as segments [n,2,2]: segment, end, (x, z) in its own unit of length.

    Raises:
        EnvError: the simulator has no side view.
    """
    return _drawable(simulator).segments(system, state)


def ground(simulator: AbstractSimulator, system: int, x: Array, state: Array) -> Array | None:
    """Height [...] of the ground at x [...] in a state [X], None where there is no ground.

    Raises:
        EnvError: the simulator has no side view.
    """
    return _drawable(simulator).ground(system, x, state)


def _drawable(simulator: AbstractSimulator) -> Drawable:
    if not isinstance(simulator, Drawable):
        raise EnvError(
            "this simulator cannot be drawn",
            got=type(simulator).__qualname__,
            expected="methods `segments` and `ground`",
            fix="add them as hyperdyn.envs.skeleton.Drawable describes, or switch videos off",
        )
    return simulator
