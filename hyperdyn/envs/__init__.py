"""Families of systems. Importing this registers their environments with Gymnasium."""

from hyperdyn.envs.loading import available, load
from hyperdyn.envs.registration import register

register()

__all__ = ["available", "load", "register"]
