"""Episodes of one system, made from numbers alone: what a worker does while data are collected."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hyperdyn.behaviour.base import AbstractBehaviour, Played, System
from hyperdyn.envs.simulator import AbstractSimulator, HasCameras
from hyperdyn.envs.spec import SPLITS, Family
from hyperdyn.envs.termination import lengths
from hyperdyn.errors import ConfigError, EnvError, ShapeError
from hyperdyn.shards.views import Moment, views_bytes

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class SystemEpisodes:
    """E episodes of one system, as they are stored."""

    system: int
    factors: NDArray[np.float64]  # [F]
    obs: Floats  # [E,L+1,S]
    action: Floats  # [E,L,A]
    length: NDArray[np.int32]  # [E] steps until an episode ended
    redrawn: Mapping[str, int] = field(default_factory=dict)  # steps that were not kept, why to how many
    views: bytes = b""  # of some of its moments, see `hyperdyn.shards.views`


@dataclass(frozen=True)
class EpisodeJob:
    """What is the same for all systems of a collection. Called with one of them: its number and its factors [F].

    views: cameras look at the start of each episode and at every so many steps; 0 is the start alone, None not at all.

    Raises:
        ConfigError: views of a family without cameras.
        EnvError: observations that are not finite or not of the declared size.
    """

    family: Family
    behaviour: AbstractBehaviour
    split: str
    episodes: int
    steps: int
    seed: int
    round: int
    views: int | None = None

    def __call__(self, item: tuple[int, NDArray[np.float64]]) -> SystemEpisodes:
        number, factors = item
        try:
            played = self._play(number, factors)
        except EnvError as error:
            raise EnvError(f"{self._name(number, factors)} failed", got=error) from error
        with np.errstate(over="ignore"):
            obs = played.obs.astype(np.float32)
        length = lengths(self.family.termination, obs, played.action).numpy().astype(np.int32)
        self._check(obs, length, number, factors)
        views = b"" if self.views is None else views_bytes(self._moments(played, length, number, factors))
        return SystemEpisodes(number, factors, obs, played.action, length, played.redrawn, views)

    def _play(self, number: int, factors: NDArray[np.float64]) -> Played:
        simulator = self.family.simulate(factors[None])
        seeds = [self._seed(number, 1 + e).generate_state(1)[0].item() for e in range(self.episodes)]
        states = np.stack([simulator.reset([s])[0] for s in seeds])  # [E,X]
        of = self.family
        system = System(simulator, states, of.state, of.objective, of.dt, of.termination)
        return self.behaviour.play(system, self.steps, np.random.default_rng(self._seed(number, 0)))

    def _moments(
        self, played: Played, length: NDArray[np.int32], number: int, factors: NDArray[np.float64]
    ) -> Iterator[Moment]:
        simulator = self.family.simulate(factors[None])
        if not isinstance(simulator, HasCameras):
            raise ConfigError(
                f"family '{self.family.name}' has no cameras, and views were asked for",
                got=f"{self._name(number, factors)}, views={self.views}",
                fix="views=null, or a simulator with `views`, see hyperdyn.envs.simulator.HasCameras",
            )
        for e, last in enumerate(length.tolist()):
            for t in range(0, last + 1 if self.views else 1, self.views or 1):
                yield e, t, simulator.views(0, simulator.state_of(played.obs[e, t]))

    def _seed(self, system: int, stream: int) -> np.random.SeedSequence:
        """Stream 0 is the behaviour's, stream 1 + e that of the initial state of episode e."""
        return np.random.SeedSequence(self.seed, spawn_key=(SPLITS.index(self.split), self.round, system, stream))

    def _name(self, number: int, factors: NDArray[np.float64]) -> str:
        named = ", ".join(f"{k}={v:.6g}" for k, v in zip(self.family.factor_names, factors, strict=True))
        return f"system {number} of split '{self.split}' of family '{self.family.name}' ({named})"

    def _check(self, obs: Floats, length: NDArray[np.int32], number: int, factors: NDArray[np.float64]) -> None:
        who = self._name(number, factors)
        expected = (self.episodes, self.steps + 1, self.family.state.obs_dim)
        if obs.shape != expected:
            raise EnvError(f"{who}: observations of another shape", got=obs.shape, expected=f"[E,L+1,S] = {expected}")
        bad = np.argwhere(~np.isfinite(obs) & (np.arange(obs.shape[1]) <= length[:, None])[..., None])
        if len(bad):
            episode, step, entry = bad[np.argmin(bad[:, 1])]
            raise EnvError(
                f"{who}: an observation is not a finite number",
                got=f"{obs[episode, step, entry]} in entry {entry} at step {step} of episode {episode}",
                fix="the simulation diverged: narrow the ranges of these factors, or lower the simulator's time step",
            )


def simulate_candidates(
    simulator: AbstractSimulator, states: NDArray[np.float64], candidates: Floats
) -> tuple[Floats, Floats]:
    """What the true systems do under plans that a planner considered, as short episodes of their own.

    states: [B,L,X] physics states at L decisions in each of B systems.
    candidates: [B,L,M,H,A], M plans of each decision.

    Returns:
        obs [B,E,H+1,S] and action [B,E,H,A] with E = L * M, in the order of (L, M).

    Raises:
        ShapeError: states and candidates of unlike systems or decisions.
    """
    B, L, M, H, A = candidates.shape
    if states.shape[:2] != (B, L) or simulator.batch != B:
        raise ShapeError(
            "states do not fit the candidates of a planner",
            got=f"states {states.shape}, a simulator of {simulator.batch} systems",
            expected=f"states {(B, L, 'X')} and {B} systems",
        )
    start = np.repeat(states, M, axis=1)  # [B,L*M,X]
    action = candidates.reshape(B, L * M, H, A)
    after = simulator.rollout(start, action.astype(np.float64))  # [B,L*M,H,X]
    path = np.concatenate([start[:, :, None], after], axis=2)
    return simulator.observe(path).astype(np.float32), action.astype(np.float32)
