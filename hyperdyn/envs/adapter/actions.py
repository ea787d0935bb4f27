"""Actions in [-1, 1] to those that an environment takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from hyperdyn.errors import ConfigError


@final
@dataclass(frozen=True)
class Actions:
    """A box is scaled; n choices divide [-1, 1] into n equal parts, so that of two a negative number is the first.

    low, high: [A] of the environment's own box, the first and the last of n choices.
    choices: [A] how many there are; empty for a box.
    shape: of one action of the environment.
    dtype: likewise.
    """

    low: tuple[float, ...]
    high: tuple[float, ...]
    choices: tuple[int, ...]
    shape: tuple[int, ...]
    dtype: str

    @classmethod
    def of(cls, space: spaces.Space[Any], env_id: str) -> Actions:
        """Raises ConfigError for a space that is neither a bounded box nor choices."""
        if isinstance(space, spaces.Box) and space.is_bounded():
            low, high = (tuple(map(float, v.ravel())) for v in (space.low, space.high))
            return cls(low, high, (), space.shape, str(space.dtype))
        counts: tuple[int, ...]
        first: tuple[float, ...]
        shape: tuple[int, ...]
        if isinstance(space, spaces.Discrete):
            counts, first, shape = (int(space.n),), (float(space.start),), ()
        elif isinstance(space, spaces.MultiDiscrete) and space.nvec.ndim == 1:
            counts, first, shape = tuple(map(int, space.nvec)), tuple(map(float, space.start)), space.shape
        else:
            raise ConfigError(
                f"actions of '{env_id}' cannot be brought to [-1, 1]",
                got=space,
                expected="a bounded Box, Discrete or MultiDiscrete",
                fix="wrappers: one that bounds or flattens them, such as gymnasium.wrappers.TransformAction",
            )
        last = tuple(f + n - 1 for f, n in zip(first, counts, strict=True))
        return cls(first, last, counts, shape, str(space.dtype))

    def to_env(self, action: NDArray[Any]) -> Any:
        """The environment's action for one [A] in [-1, 1]; what lies outside is clipped."""
        share = (np.clip(np.asarray(action, dtype=np.float64), -1.0, 1.0) + 1.0) / 2.0
        low, high = np.array(self.low), np.array(self.high)
        if not self.choices:
            return (low + share * (high - low)).astype(self.dtype).reshape(self.shape)
        index = np.minimum(low + np.floor(share * np.array(self.choices)), high).astype(self.dtype)
        return index.reshape(self.shape) if self.shape else index[0]
