"""Of what an environment shows, the vector that a model learns on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from hyperdyn.envs.simulator import Array
from hyperdyn.errors import ConfigError, nearest

STATE = "state"
"""`observation: state`: positions and velocities, whatever the environment shows."""

FIX = "observation: state, for positions and velocities, or a key of a Dict; or a wrapper that makes it a vector"


def observation_space(space: spaces.Space[Any], keys: Sequence[str], env_id: str) -> spaces.Box:
    """The space of the vector [S] that `vector` makes.

    Raises:
        ConfigError: it would be no vector.
    """
    parts = [space]
    if keys:
        if not isinstance(space, spaces.Dict):
            raise ConfigError(f"observations of '{env_id}' have no keys", got=space, fix="leave `observation` out")
        for key in keys:
            if key not in space.spaces:
                raise ConfigError(f"observations of '{env_id}'", got=key, fix=nearest(key, space.spaces))
        parts = [space[key] for key in keys]
    for part in parts:
        if not isinstance(part, spaces.Box) or len(part.shape) != 1 or not np.issubdtype(part.dtype, np.floating):
            raise ConfigError(
                f"observations of '{env_id}' are no vector", got=part, expected="a Box of floats [S]", fix=FIX
            )
    low, high = (np.concatenate([getattr(p, end) for p in parts]).astype(np.float64) for end in ("low", "high"))
    return spaces.Box(low, high, dtype=np.float64)


def vector(shown: Any, keys: Sequence[str]) -> Array:
    """The vector [S] of one observation; keys are those of a Dict, one after the other."""
    parts = [shown[key] for key in keys] if keys else [shown]
    return np.concatenate([np.asarray(p, dtype=np.float64) for p in parts])
