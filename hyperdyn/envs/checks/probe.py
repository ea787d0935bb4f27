"""Episodes of the environment itself, played to be looked at."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperdyn.envs.simulator import AbstractSimulator, Array
from hyperdyn.envs.spec import Family

STEPS = 100
"""Of an episode, at most."""

HELD = 5
"""Steps for which an action of the second episode stays."""


@dataclass(frozen=True)
class Episode:
    """T steps of the environment of one system, up to where it ended."""

    factors: Array  # [F]
    seed: int
    shown: tuple[Any, ...]  # T + 1 observations as they came
    action: NDArray[np.float32]  # [T,A]
    reward: Array  # [T]
    terminated: NDArray[np.bool_]  # [T]

    @cached_property
    def obs(self) -> Array:
        """Observations [T+1,S]."""
        return np.stack([np.asarray(o, dtype=np.float64) for o in self.shown])


@dataclass(frozen=True)
class Probe:
    """Three episodes (noise, held noise, full action) in the nominal system and in one of each other split."""

    family: Family

    @property
    def steps(self) -> int:
        return min(self.family.episode_steps, STEPS)

    @cached_property
    def systems(self) -> Array:
        """Factors [4,F]."""
        return np.concatenate([self.family.nominal[None], *(self.family.draw(s, 1, 0) for s in SPLITS_OF_PROBE)])

    @cached_property
    def actions(self) -> NDArray[np.float32]:
        """Actions [3,L,A]."""
        rng, L, A = np.random.default_rng(0), self.steps, self.family.state.action_dim
        noise = rng.uniform(-1, 1, (2, L, A))
        return np.stack([noise[0], noise[1].repeat(HELD, axis=0)[:L], np.ones((L, A))]).astype(np.float32)

    @cached_property
    def episodes(self) -> list[Episode]:
        return [episode for system in self.systems for episode in self.play(system)]

    @cached_property
    def nominal(self) -> list[Episode]:
        """The episodes of the nominal system."""
        return self.episodes[: len(self.actions)]

    def play(self, factors: Array) -> Iterator[Episode]:
        """The three episodes in a new environment of one system."""
        env = self.family.make(factors).unwrapped
        try:
            for seed, action in enumerate(self.actions):
                yield played(env, factors, seed, action)
        finally:
            env.close()

    def simulator(self, episode: Episode) -> AbstractSimulator:
        """A new simulator of the episode's system alone."""
        return self.family.simulate(episode.factors[None])

    @cached_property
    def scale(self) -> Array:
        """What an entry of an observation usually differs by [S]; two observations much nearer are the same."""
        return np.concatenate([e.obs for e in self.episodes]).std(axis=0) + 1e-6


SPLITS_OF_PROBE = ("train", "interpolation", "extrapolation")


def played(env: Any, factors: Array, seed: int, action: NDArray[np.float32]) -> Episode:
    """One episode: actions [L,A] from the start that the seed gives."""
    shown, rewards, ends = [env.reset(seed=seed)[0]], [], []
    for a in action:
        obs, reward, terminated, _, _ = env.step(a)
        shown.append(np.array(obs))
        rewards.append(float(reward))
        ends.append(bool(terminated))
        if terminated:
            break
    return Episode(factors, seed, tuple(shown), action[: len(ends)], np.array(rewards), np.array(ends))
