"""One episode on the screen: what it is made from, and its pictures."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from hyperdyn.planning.control import Episodes

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Clip:
    """One episode to show: states [T+1,X], reward [T], and what to call it (a method's name gets its colour).

    action [T,A], predicted [T,S]: what was done, and what was expected to follow; for families that show it.
    """

    label: str
    states: NDArray[np.float64]
    reward: NDArray[np.floating]
    action: NDArray[np.floating] | None = None
    predicted: NDArray[np.floating] | None = None

    @classmethod
    def of(cls, label: str, episodes: Episodes, row: int = 0) -> Clip:
        """One of several episodes, up to where it ended."""
        length = int(episodes.length[row])
        predicted = None if episodes.predicted is None else episodes.predicted[row, :length]
        state, reward = episodes.state[row, : length + 1], episodes.reward[row, :length]
        return cls(label, state, reward, episodes.action[row, :length], predicted)


@dataclass(frozen=True)
class Panel:
    """Pictures in order, what is written over each (small and large), and for how many seconds each is shown."""

    pictures: list[Image.Image]
    notes: list[tuple[str, str]]
    seconds: list[float]

    def add(self, picture: Image.Image, small: str, large: str, seconds: float) -> None:
        self.pictures.append(picture)
        self.notes.append((small, large))
        self.seconds.append(seconds)


@dataclass(frozen=True)
class Film:
    """Frames, and for how many seconds each is shown."""

    frames: list[Image.Image]
    seconds: list[float]
