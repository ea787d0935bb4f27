"""Many systems of one family simulated side by side, with their state as an argument."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from hyperdyn.errors import ShapeError
from hyperdyn.views import Views

Array = NDArray[np.float64]


class AbstractSimulator(ABC):
    """B systems that differ in their factors. It holds no state: a state goes in, states come out.

    X here is the size of a physics state, which may hold more than an observation shows.
    """

    batch: int

    @abstractmethod
    def reset(self, seeds: Sequence[int]) -> Array:
        """States [B,X], each the one that the environment of that system has after `reset(seed=...)`."""

    @abstractmethod
    def observe(self, state: Array) -> Array:
        """Observations [...,S] of states [...,X] (the same for every system of a family)."""

    @abstractmethod
    def state_of(self, obs: Array) -> Array:
        """States [...,X] that show the observations [...,S].

        Raises:
            EnvError: observations of this family do not determine the state.
        """

    @abstractmethod
    def rollout(self, state: Array, action: Array) -> Array:
        """States [B,N,T,X] after each of the actions [B,N,T,A] in [-1,1], from states [B,N,X].

        Row (b, n) is simulated by system b; the first returned state is the one after the first action.

        Raises:
            ShapeError: other shapes.
        """

    def check_shapes(self, state: Array, action: Array) -> None:
        """Raises ShapeError unless `rollout` may be asked for these."""
        B, N = action.shape[:2]
        if self.batch != B or state.shape[:2] != (B, N):
            raise ShapeError(
                "states and actions do not fit the simulator",
                got=f"states {state.shape}, actions {action.shape}",
                expected=f"states [{self.batch},N,X], actions [{self.batch},N,T,A]",
            )


@runtime_checkable
class HasCameras(Protocol):
    """What a simulator offers besides, if cameras look at its systems."""

    def views(self, system: int, state: Array) -> Views:
        """What the cameras see of one of the B systems in state [X]: views of one system, with the object's pose.

        Equal states give equal views. The mask and the true shape may be there too; the shape is the same in each call,
        and so is all but the pictures and the pose in the number and size of what it holds.
        """
