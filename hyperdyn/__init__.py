"""Adaptive dynamics models: a hypernetwork generates an expert for the system at hand, a planner acts through it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hyperdyn.checkpoint import load as load
    from hyperdyn.envs import load as family
    from hyperdyn.planning.cem import CEM as CEM
    from hyperdyn.planning.control import run_episodes as run_episodes
    from hyperdyn.planning.cost import trajectory_cost as cost
    from hyperdyn.planning.icem import ICEM as ICEM
    from hyperdyn.planning.mppi import MPPI as MPPI
    from hyperdyn.planning.random_shooting import RandomShooting as RandomShooting
    from hyperdyn.pretrained import save_pretrained as save_pretrained
    from hyperdyn.types import Context as Context
    from hyperdyn.types import Transitions as Transitions

__version__ = "0.1.0"
__all__ = [
    "CEM",
    "ICEM",
    "MPPI",
    "Context",
    "RandomShooting",
    "Transitions",
    "__version__",
    "cost",
    "family",
    "load",
    "run_episodes",
    "save_pretrained",
]

_HOME = {
    "CEM": ("hyperdyn.planning.cem", "CEM"),
    "ICEM": ("hyperdyn.planning.icem", "ICEM"),
    "MPPI": ("hyperdyn.planning.mppi", "MPPI"),
    "Context": ("hyperdyn.types", "Context"),
    "RandomShooting": ("hyperdyn.planning.random_shooting", "RandomShooting"),
    "Transitions": ("hyperdyn.types", "Transitions"),
    "cost": ("hyperdyn.planning.cost", "trajectory_cost"),
    "family": ("hyperdyn.envs", "load"),
    "load": ("hyperdyn.checkpoint", "load"),
    "run_episodes": ("hyperdyn.planning.control", "run_episodes"),
    "save_pretrained": ("hyperdyn.pretrained", "save_pretrained"),
}
"""Public name to its module and its name there; none is imported, nor torch with it, before it is asked for."""


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'hyperdyn' has no attribute '{name}'")
    module, inner = _HOME[name]
    return getattr(import_module(module), inner)


def __dir__() -> list[str]:
    return sorted(__all__)
