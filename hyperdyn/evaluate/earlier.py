"""What is known of a system before an episode begins: earlier transitions, the same for all methods."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from hyperdyn import build
from hyperdyn.behaviour.base import AbstractBehaviour
from hyperdyn.envs.spec import Family
from hyperdyn.episodes import EpisodeJob
from hyperdyn.errors import ConfigError
from hyperdyn.types import Context, Transitions


@dataclass(frozen=True)
class Earlier:
    """K = `steps` transitions of each system, which a behaviour made in an episode of its own, from another start.

    They depend on the system and on the seed of its start alone, so every method sees the same ones.

    family: as the models were trained with it, whatever is changed in the episode that is planned.
    shown: what results call the behaviour; empty for the family's own.

    Raises:
        ConfigError: fewer than one step.
    """

    family: Family
    steps: int
    behaviour: AbstractBehaviour
    shown: str = ""

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise ConfigError("earlier transitions of a system", got=self.steps, expected="1 or more, or none at all")

    @classmethod
    def asked(cls, family: Family, steps: int, behaviour: Any = None) -> Earlier | None:
        """As a command asks for them: None for no steps; the family's own behaviour where no node describes one."""
        if steps == 0:
            return None
        made = build.behaviour(behaviour, family)
        return cls(family, steps, made, "" if behaviour is None else type(made).__name__)

    def context(self, factors: NDArray[np.float64], starts: Sequence[int]) -> Context:
        """The context [B,K] of B systems with factors [B,F]; what followed the end of an episode is masked."""
        played = [self._play(row, int(seed)) for row, seed in zip(factors, starts, strict=True)]
        obs, action, length = (torch.from_numpy(np.concatenate(rows)) for rows in zip(*played, strict=True))
        mask = torch.arange(self.steps) < length[:, None]
        return Context(Transitions(obs[:, :-1], action, obs[:, 1:]), mask)

    def _play(self, factors: NDArray[np.float64], seed: int) -> tuple[Any, Any, Any]:
        job = EpisodeJob(self.family, self.behaviour, "interpolation", episodes=1, steps=self.steps, seed=seed, round=0)
        played = job((0, factors))
        return played.obs, played.action, played.length
