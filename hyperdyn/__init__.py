"""Adaptive dynamics models: a hypernetwork generates an expert for the system at hand, a planner acts through it."""

__version__ = "0.1.0"
