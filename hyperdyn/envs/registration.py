"""The environments' Gymnasium ids."""

from __future__ import annotations

import gymnasium

_ENVIRONMENTS = {
    "hyperdyn/AntCripple-v0": ("hyperdyn.envs.locomotion.ant_cripple:AntCripple", 1000),
    "hyperdyn/AntSlope-v0": ("hyperdyn.envs.locomotion.ant_slope:AntSlope", 1000),
    "hyperdyn/CheetahCripple-v0": ("hyperdyn.envs.locomotion.cheetah_cripple:CheetahCripple", 1000),
    "hyperdyn/CheetahMass-v0": ("hyperdyn.envs.locomotion.cheetah_mass:CheetahMass", 1000),
    "hyperdyn/CheetahPier-v0": ("hyperdyn.envs.locomotion.cheetah_pier:CheetahPier", 1000),
    "hyperdyn/CheetahMix-v0": ("hyperdyn.envs.locomotion.cheetah_mix:CheetahMix", 1000),
    "hyperdyn/CheetahSlope-v0": ("hyperdyn.envs.locomotion.cheetah_slope:CheetahSlope", 1000),
    "hyperdyn/Pendulum-v0": ("hyperdyn.envs.pendulum:Pendulum", 200),
    "hyperdyn/Pushing-v0": ("hyperdyn.envs.pushing.environment:Pushing", 20),
}


def register() -> None:
    """Make the environments known to `gymnasium.make`; calling it again does nothing."""
    for env_id, (entry_point, max_episode_steps) in _ENVIRONMENTS.items():
        if env_id not in gymnasium.registry:
            gymnasium.register(env_id, entry_point=entry_point, max_episode_steps=max_episode_steps)
