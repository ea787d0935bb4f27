"""Episodes in whose middle the system changes: a motor dies, and the model is not told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperdyn.behaviour.base import AbstractBehaviour, System
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, nearest

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Change:
    """In every system one factor takes another value.

    step: that many steps of an episode of `steps` are made before it.
    values: candidates, factor to value; each system gets one of them, in which it differs. None: those of which the
        family declares `exactly_one`, which is a dead motor or a crippled leg in the families that have one.

    Raises:
        ConfigError: a change outside the episode.
    """

    step: int = 100
    steps: int = 200
    values: Mapping[str, float] | None = None

    def __post_init__(self) -> None:
        if not 0 < self.step < self.steps:
            raise ConfigError("a change in mid-episode", got=f"step {self.step}", expected=f"0 < step < {self.steps}")

    def candidates(self, family: Family) -> dict[str, float]:
        """Factor to the value that it may take.

        Raises:
            ConfigError: a factor that the family does not have, or none given and none declared.
        """
        if self.values is None:
            found = {name: rule.value for rule in family.exactly_one for name in rule.factors}
        else:
            found = {str(name): float(value) for name, value in self.values.items()}
        for name in found:
            if name not in family.factors:
                raise ConfigError(f"no such factor of '{family.name}'", got=name, fix=nearest(name, family.factors))
        if not found:
            names = ", ".join(family.factors)
            raise ConfigError(
                f"'{family.name}' does not say what may change", fix=f"factors={{NAME: VALUE}} of {names}"
            )
        return found

    def describe(self, family: Family) -> str:
        """What changes to what, in words: 'one of gain_bthigh, gain_bshin becomes 0'."""
        found = self.candidates(family)
        names = {value: [n for n, v in found.items() if v == value] for value in found.values()}
        parts = [f"{'one of ' * (len(of) > 1)}{', '.join(of)} becomes {value:g}" for value, of in names.items()]
        return " or ".join(parts)

    def apply(self, family: Family, factors: Doubles, seeds: Sequence[int]) -> Doubles:
        """Factors [B,F] after the change of systems with factors [B,F]; the seed of each fixes which one changes.

        Raises:
            ConfigError: a system that all candidates leave as it is.
        """
        found, names = self.candidates(family), list(family.factor_names)
        after = factors.copy()
        for row, seed in zip(after, seeds, strict=True):
            able = [name for name, value in found.items() if row[names.index(name)] != value]
            if not able:
                raise ConfigError("a system would not change", got=dict(zip(names, row.tolist(), strict=True)))
            name = able[int(np.random.default_rng([int(seed), 3]).integers(len(able)))]
            row[names.index(name)] = found[name]
        return after


@dataclass(frozen=True)
class ChangedEpisodes:
    """E episodes in each of B systems, L steps each, of which `step` are made before the change."""

    family: str
    change: str
    step: int
    before: Doubles  # [B,F] factors
    after: Doubles  # [B,F] factors
    obs: Floats  # [B,E,L+1,S]
    action: Floats  # [B,E,L,A]


def play(
    family: Family,
    behaviour: AbstractBehaviour,
    change: Change,
    factors: Doubles,
    starts: Sequence[int],
    *,
    episodes: int = 4,
) -> ChangedEpisodes:
    """Play episodes in systems with factors [B,F] and change these on the way, from the state that was reached.

    Actions are those that the behaviour executes in the unchanged system, so that nothing but the system changes.

    starts: one seed a system; with the number of the episode it fixes initial states, actions and which factor changes.
    """
    after = change.apply(family, factors, starts)
    played = [
        _play_one(family, behaviour, change, old[None], new[None], int(seed), episodes)
        for old, new, seed in zip(factors, after, starts, strict=True)
    ]
    obs, action = (np.stack(parts) for parts in zip(*played, strict=True))
    return ChangedEpisodes(family.name, change.describe(family), change.step, factors, after, obs, action)


def _play_one(
    family: Family,
    behaviour: AbstractBehaviour,
    change: Change,
    before: Doubles,
    after: Doubles,
    seed: int,
    episodes: int,
) -> tuple[Floats, Floats]:
    """Observations [E,L+1,S] and actions [E,L,A] of one system, factors [1,F]."""
    simulator = family.simulate(before)
    states = np.stack([simulator.reset([_seed(seed, e)])[0] for e in range(episodes)])  # [E,X]
    system = System(simulator, states, family.state, family.objective, family.dt)
    action = behaviour.play(system, change.steps, np.random.default_rng([seed, 2])).action
    first, second = np.split(action[None].astype(np.float64), [change.step], axis=2)  # [1,E,.,A]
    early = simulator.rollout(states[None], first)
    late = family.simulate(after).rollout(early[:, :, -1], second)
    path = np.concatenate([states[:, None], early[0], late[0]], axis=1)  # [E,L+1,X]
    return simulator.observe(path).astype(np.float32), action


def _seed(seed: int, episode: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=(episode,)).generate_state(1)[0])
