"""Episodes in whose middle the system changes: a motor dies, and the model is not told."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hyperdyn.behaviour.base import AbstractBehaviour, System
from hyperdyn.envs.spec import Family
from hyperdyn.envs.termination import lengths
from hyperdyn.errors import ConfigError, nearest

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
TRIES = 8
"""Times as many episodes as asked for that are played, at most, until that many last to their end."""


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
    """E episodes in each of B systems, L steps each, of which `step` are made before the change.

    ended: episodes that ended early, which are not among them. dropped: systems that had too few others.
    """

    family: str
    change: str
    step: int
    before: Doubles  # [B,F] factors
    after: Doubles  # [B,F] factors
    obs: Floats  # [B,E,L+1,S]
    action: Floats  # [B,E,L,A]
    ended: int = 0
    dropped: int = 0


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

    Every episode has all its steps: of a family whose episodes may end early, those that do are left out and others
    played in their place; a system of which too few last is left out as a whole. No model has a part in it.

    starts: one seed a system; with the number of the episode it fixes initial states, actions and which factor changes.

    Raises:
        ConfigError: of no system enough episodes last.
    """
    after = change.apply(family, factors, starts)
    kept, played, ended = [], [], 0
    for i, seed in enumerate(starts):
        changing = _Changing(family, behaviour, change, factors[i, None], after[i, None], int(seed))
        one, short = changing.whole(episodes)
        ended += short
        if one is not None:
            kept.append(i)
            played.append(one)
    if not kept:
        raise ConfigError(
            f"episodes of '{family.name}' end too early",
            got=f"{ended} that ended before step {change.steps}",
            expected=f"{episodes} that last, in one system at least",
            fix="shorter episodes (steps=, step=), or a behaviour under which they last",
        )
    obs, action = (np.stack(parts) for parts in zip(*played, strict=True))
    said, dropped = change.describe(family), len(factors) - len(kept)
    return ChangedEpisodes(family.name, said, change.step, factors[kept], after[kept], obs, action, ended, dropped)


@dataclass(frozen=True)
class _Changing:
    """One system, factors [1,F] before its change and after it; the seed is that of its episodes."""

    family: Family
    behaviour: AbstractBehaviour
    change: Change
    before: Doubles
    after: Doubles
    seed: int

    def whole(self, episodes: int) -> tuple[tuple[Floats, Floats] | None, int]:
        """Observations [E,L+1,S] and actions [E,L,A] of episodes that last, if enough do, and how many did not."""
        found: list[tuple[Floats, Floats]] = []
        ended = 0
        for attempt in range(TRIES):
            obs, action = self._played(episodes, attempt)
            lasts = (lengths(self.family.termination, obs, action) == self.change.steps).numpy()
            found += zip(obs[lasts], action[lasts], strict=True)
            ended += int((~lasts).sum())
            if len(found) >= episodes:
                kept_obs, kept_action = zip(*found[:episodes], strict=True)
                return (np.stack(kept_obs), np.stack(kept_action)), ended
        return None, ended

    def _played(self, episodes: int, attempt: int) -> tuple[Floats, Floats]:
        """Observations [E,L+1,S] and actions [E,L,A] of all episodes of one attempt; each attempt has its own."""
        of, seed = self.family, self.seed
        simulator = of.simulate(self.before)
        numbers = range(attempt * episodes, (attempt + 1) * episodes)
        states = np.stack([simulator.reset([_seed(seed, e)])[0] for e in numbers])  # [E,X]
        rng = np.random.default_rng([seed, 2, attempt] if attempt else [seed, 2])
        system = System(simulator, states, of.state, of.objective, of.dt)
        action = self.behaviour.play(system, self.change.steps, rng).action
        first, second = np.split(action[None].astype(np.float64), [self.change.step], axis=2)  # [1,E,.,A]
        early = simulator.rollout(states[None], first)
        late = of.simulate(self.after).rollout(early[:, :, -1], second)
        path = np.concatenate([states[:, None], early[0], late[0]], axis=1)  # [E,L+1,X]
        return simulator.observe(path).astype(np.float32), action


def _seed(seed: int, episode: int) -> int:
    return int(np.random.SeedSequence(seed, spawn_key=(episode,)).generate_state(1)[0])
