"""Reward and termination of one step as formulas, so that a family needs no code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import torch

from hyperdyn.envs.expression import Expression
from hyperdyn.errors import ConfigError, ShapeError

NAMES = ("obs", "action", "next_obs", "control", "dt")


@final
@dataclass(frozen=True)
class Formula:
    """A number [...] of one step: obs [...,S], action [...,A] in [-1, 1], next_obs [...,S], as tensors or arrays.

    In the formula, `control` [...,A] is what the environment is given for the action, in its own units, and `dt` the
    seconds from one action to the next.

    entries: names of the entries of an observation.
    low, high: [A] the environment's own action box; an environment of n choices has low 0, high n - 1 and `choices` n.
    """

    source: str
    dt: float
    low: tuple[float, ...]
    high: tuple[float, ...]
    choices: tuple[int, ...] = ()
    entries: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        self._expression()

    def __call__(self, obs: Any, action: Any, next_obs: Any) -> Any:
        plain = isinstance(obs, np.ndarray)
        obs, action, next_obs = (torch.as_tensor(v) for v in (obs, action, next_obs))
        control = self._control(action)
        value = self._expression()(obs=obs, action=action, next_obs=next_obs, control=control, dt=self.dt)
        value = torch.as_tensor(value, device=obs.device)
        if value.ndim and value.shape[-1] != 1:
            raise ShapeError(
                f"a formula gives a vector: {self.source}", got=tuple(value.shape), fix="sum(...), or name an entry"
            )
        value = value.squeeze(-1) if value.ndim else value
        kind = value.dtype if value.dtype == torch.bool else obs.dtype
        value = value.to(kind).expand(obs.shape[:-1])
        return value.numpy() if plain else value

    def _expression(self) -> Expression:
        return Expression(self.source, NAMES, {"obs": self.entries, "next_obs": self.entries})

    def _control(self, action: torch.Tensor) -> torch.Tensor:
        low, high = action.new_tensor(self.low), action.new_tensor(self.high)
        share = (action.clamp(-1.0, 1.0) + 1.0) / 2.0
        if self.choices:
            return (share * (high + 1.0)).floor().clamp(max=high)
        return low + share * (high - low)


def formula(source: Any, entries: Sequence[str], *, obs_dim: int, **about: Any) -> Any:
    """A formula for a string, tried on zeros; a function as it is.

    Raises:
        ConfigError: neither, or a formula that cannot be computed.
        ShapeError: a formula of entries that there are not, or one that gives a vector.
    """
    if callable(source) or source is None:
        return source
    if isinstance(source, (str, int, float)):
        made = Formula(str(source), entries=tuple(entries), **about)
        obs = torch.zeros(1, obs_dim)
        made(obs, torch.zeros(1, len(made.low)), obs)
        return made
    raise ConfigError(
        "neither a formula nor a function",
        got=source,
        expected='a string such as "-obs[0]**2", or {_target_: hydra.utils.get_method, path: my_module.my_function}',
    )
