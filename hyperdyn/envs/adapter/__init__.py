"""Any registered Gymnasium environment as a family of systems, from configuration alone."""

from hyperdyn.envs.adapter.family import gymnasium_family

__all__ = ["gymnasium_family"]
