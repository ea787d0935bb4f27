"""Pattern generators that each system likes: tuned on its true simulator."""

from __future__ import annotations

import math

import numpy as np

from hyperdyn.behaviour.base import AbstractBehaviour, Actions, Array, Played, System
from hyperdyn.behaviour.noise import with_noise
from hyperdyn.behaviour.pattern_generator import Pattern, PatternGenerator
from hyperdyn.errors import ConfigError

SHRINK = 0.02
"""Least standard deviation of a parameter, so that a search whose elites agree goes on."""


class TunedPattern(AbstractBehaviour):
    """The pattern of highest return in each episode, found by the cross-entropy method on the true simulator.

    The first candidates are those of an untuned pattern generator; then, `iterations` times, a Gaussian is fitted to
    the elites and drawn from. Elites stay candidates, so an episode's return is never below that of its first draws
    (before noise). Sinusoids are searched as b sin(wt) + c cos(wt), which has no seam at 2 pi.

    pattern: where the first candidates are drawn.
    candidates, elites, iterations: simulated patterns per iteration and episode; kept among them; refinements.
    noise: in each episode, N(0, sd^2) is added to the executed actions, sd ~ U(0, noise).
    """

    def __init__(
        self,
        pattern: PatternGenerator | None = None,
        candidates: int = 32,
        elites: int = 6,
        iterations: int = 4,
        noise: float = 0.0,
    ) -> None:
        if not (1 <= elites < candidates and iterations >= 0 and noise >= 0):
            raise ConfigError(
                "a tuned pattern cannot be searched for so",
                got=f"candidates={candidates}, elites={elites}, iterations={iterations}, noise={noise}",
                expected="1 <= elites < candidates, iterations >= 0, noise >= 0",
            )
        self.pattern = pattern or PatternGenerator()
        self.candidates = candidates
        self.elites = elites
        self.iterations = iterations
        self.noise = noise

    def play(self, system: System, steps: int, rng: np.random.Generator) -> Played:
        best = self.search(system, steps, rng)
        action = with_noise(best, self.noise, rng)
        return Played(system.simulate(action[:, None])[:, 0], action)

    def search(self, system: System, steps: int, rng: np.random.Generator) -> Actions:
        """The best actions found for each episode, [E,L,A]."""
        E, A = system.episodes, system.spec.action_dim
        found = _flatten(self.pattern.draw(rng, (E, self.candidates), A))  # [E,M,G]
        score = self._score(system, found, steps)  # [E,M]
        for _ in range(self.iterations):
            found, score = self._best(found, score)
            fresh = self._refine(found, rng)
            found = np.concatenate([found, fresh], axis=1)
            score = np.concatenate([score, self._score(system, fresh, steps)], axis=1)
        winner = np.take_along_axis(found, score.argmax(1)[:, None, None], axis=1)[:, 0]  # [E,G]
        return _unflatten(winner).actions(steps, system.dt).astype(np.float32)

    def _score(self, system: System, found: Array, steps: int) -> Array:
        action = _unflatten(found).actions(steps, system.dt).astype(np.float32)  # [E,M,L,A]
        return system.returns(system.simulate(action), action)

    def _best(self, found: Array, score: Array) -> tuple[Array, Array]:
        order = np.argsort(-score, axis=1, kind="stable")[:, : self.elites]
        return np.take_along_axis(found, order[..., None], axis=1), np.take_along_axis(score, order, axis=1)

    def _refine(self, elites: Array, rng: np.random.Generator) -> Array:
        E, M, G = elites.shape
        mean, std = elites.mean(1, keepdims=True), elites.std(1, keepdims=True)
        fresh = mean + np.maximum(std, SHRINK) * rng.standard_normal((E, self.candidates - M, G))
        fresh[..., 0] = fresh[..., 0].clip(*map(math.log, self.pattern.frequency))
        return fresh


def _flatten(pattern: Pattern) -> Array:
    """G = 1 + 3A numbers [...,G]: log frequency, then b, c and the offset of each joint."""
    sine, cosine = pattern.amplitude * np.cos(pattern.phase), pattern.amplitude * np.sin(pattern.phase)
    return np.concatenate([np.log(pattern.frequency)[..., None], sine, cosine, pattern.offset], axis=-1)


def _unflatten(flat: Array) -> Pattern:
    frequency, rest = np.exp(flat[..., 0]), flat[..., 1:]
    sine, cosine, offset = np.split(rest, 3, axis=-1)
    return Pattern(frequency, np.hypot(sine, cosine), np.arctan2(cosine, sine), offset)
