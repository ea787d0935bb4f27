"""Episodes as MuJoCo renders them, in a process of its own: a broken OpenGL can end that one and nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.error import DependencyNotInstalled
from numpy.typing import NDArray

from hyperdyn.envs.spec import Family
from hyperdyn.errors import EnvError, HyperdynError
from hyperdyn.workers import run_jobs

BACKENDS = ("egl", "osmesa")
Frames = NDArray[np.uint8]

_broken: set[str] = set()  # backends that failed in this process; they are not tried again


@dataclass(frozen=True)
class _Job:
    """Render episodes of one system with factors [F], states [T,X] each; called in the other process."""

    family: Family
    factors: NDArray[np.float64]

    def __call__(self, episodes: Sequence[NDArray[np.float64]]) -> list[Frames]:
        _silence()
        env: Any = self.family.make(self.factors, render_mode="rgb_array").unwrapped
        try:
            return [np.stack([self._frame(env, state) for state in states]) for states in episodes]
        except DependencyNotInstalled as error:  # pygame, for what Gymnasium draws itself
            raise EnvError(f"pictures of '{self.family.name}' need a package", got=error) from error

    @staticmethod
    def _frame(env: Any, state: NDArray[np.float64]) -> Frames:
        env.set_state(state)
        return np.asarray(env.render())


def rendered(
    family: Family, factors: NDArray[np.float64], episodes: Sequence[NDArray[np.float64]]
) -> list[Frames] | None:
    """Frames [T,height,width,3] of each episode's states [T,X], one system; None where nothing can be rendered.

    Raises:
        EnvError: it is not OpenGL that this environment lacks.
    """
    chosen = os.environ.get("MUJOCO_GL", "").lower()
    for backend in (chosen,) if chosen else BACKENDS:
        if backend in _broken:
            continue
        try:
            with _platform(backend):
                (frames,) = run_jobs(_Job(family, factors), [list(episodes)], workers=1)
            return frames
        except EnvError:
            raise
        except (HyperdynError, RuntimeError):
            _broken.add(backend)
    return None


@contextmanager
def _platform(backend: str) -> Iterator[None]:
    """A process started meanwhile renders with this backend; MuJoCo chooses it once, while it is imported."""
    names = ("MUJOCO_GL", "PYOPENGL_PLATFORM")
    before = {name: os.environ.get(name) for name in names}
    os.environ.update(dict.fromkeys(names, backend))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _silence() -> None:
    """What a broken OpenGL prints helps nobody: drawings take its place, and `hyperdyn doctor` explains."""
    sink = os.open(os.devnull, os.O_WRONLY)
    os.dup2(sink, sys.__stderr__.fileno() if sys.__stderr__ else 2)
    os.close(sink)
