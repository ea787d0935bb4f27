"""Rhythmic actions: a central pattern generator."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperdyn.behaviour.base import AbstractOpenLoop, Array
from hyperdyn.behaviour.ranges import check_range


@dataclass(frozen=True)
class Pattern:
    """a_j(t) = clip(offset_j + amplitude_j sin(2 pi frequency t + phase_j), -1, 1): all joints share one frequency."""

    frequency: Array  # [...] in [Hz]
    amplitude: Array  # [...,A]
    phase: Array  # [...,A] in [rad]
    offset: Array  # [...,A]

    def actions(self, steps: int, dt: float) -> Array:
        """Actions [...,L,A] at times 0, dt, 2 dt, ..."""
        turn = 2 * np.pi * self.frequency[..., None] * (dt * np.arange(steps))  # [...,L]
        wave = np.sin(turn[..., None] + self.phase[..., None, :])  # [...,L,A]
        return np.clip(self.offset[..., None, :] + self.amplitude[..., None, :] * wave, -1.0, 1.0)


class PatternGenerator(AbstractOpenLoop):
    """A sinusoid for each joint, of one frequency in an episode and of random amplitude, phase and offset.

    frequency: [low, high] in [Hz], drawn uniformly in log space.
    amplitude: [low, high] of each joint.
    offset: the offset of each joint is drawn from U(-offset, offset).
    """

    def __init__(
        self,
        frequency: tuple[float, float] = (0.5, 5.0),
        amplitude: tuple[float, float] = (0.2, 1.0),
        offset: float = 0.5,
    ) -> None:
        self.frequency = check_range("frequency", frequency, low=1e-6)
        self.amplitude = check_range("amplitude", amplitude)
        self.offset = check_range("offset", (0.0, offset))[1]

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...], action_dim: int) -> Pattern:
        """Random patterns of leading dimensions `shape`."""
        joints = (*shape, action_dim)
        slowest, fastest = np.log(self.frequency)
        return Pattern(
            frequency=np.exp(rng.uniform(slowest, fastest, shape)),
            amplitude=rng.uniform(*self.amplitude, joints),
            phase=rng.uniform(0.0, 2 * np.pi, joints),
            offset=rng.uniform(-self.offset, self.offset, joints),
        )

    def actions(self, rng: np.random.Generator, episodes: int, steps: int, action_dim: int, dt: float) -> Array:
        return self.draw(rng, (episodes,), action_dim).actions(steps, dt)
