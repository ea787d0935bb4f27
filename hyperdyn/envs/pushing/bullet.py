"""PyBullet, imported when the first object is pushed."""

from __future__ import annotations

import weakref
from functools import partial
from typing import Any

from hyperdyn.extras import optional


class Client:
    """A physics client of its own: PyBullet's functions and constants as attributes. Disconnects when forgotten.

    Raises:
        ConfigError: PyBullet is not installed; says where it can be.
    """

    def __init__(self) -> None:
        self._bullet = optional("pybullet", "the family 'pushing'")
        self.number: int = self._bullet.connect(self._bullet.DIRECT)
        self.disconnect = weakref.finalize(self, self._bullet.disconnect, self.number)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._bullet, name)
        if callable(found):
            found = partial(found, physicsClientId=self.number)
        self.__dict__[name] = found
        return found
