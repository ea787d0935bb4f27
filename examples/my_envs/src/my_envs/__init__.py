"""Environments of my own."""

import gymnasium

gymnasium.register("my_envs/ViscousSwimmer-v0", entry_point="my_envs.swimmer:ViscousSwimmer")
