"""Many objects at once, one after the other: pushes as a simulator."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np
import torch
from gymnasium.utils import seeding

from hyperdyn.envs.pushing import system
from hyperdyn.envs.pushing.cameras import OBJECT, Images, around_the_table
from hyperdyn.envs.pushing.pushes import Array
from hyperdyn.envs.pushing.solids import Properties
from hyperdyn.envs.pushing.system import System
from hyperdyn.envs.pushing.world import Outcome
from hyperdyn.envs.simulator import AbstractSimulator
from hyperdyn.errors import ConfigError
from hyperdyn.views import Solid, Views

if TYPE_CHECKING:
    from hyperdyn.envs.spec import Family

CUBE = 0.18
"""Edge [m] of the cube in which a true shape is told: the largest object fits."""

PICTURES = ("views", "pixels", "renderer", "render_mode")
"""Options of the environment that are arguments of the simulator's own, or that the physics does not need."""


@final
class PushingSimulator(AbstractSimulator):
    """B systems, each in a PyBullet client of its own. A push agrees with the environment's to the last bit, whatever
    was simulated before.

    views, pixels: cameras around the table, and the edge of their images.
    voxels: along an edge of the cube in which a true shape is told.
    renderer: who draws the images: `tiny`, or `egl` (OpenGL).
    """

    def __init__(
        self,
        family: Family,
        factors: Array,
        *,
        views: int = 4,
        pixels: int = 128,
        voxels: int = 32,
        renderer: str = "tiny",
    ) -> None:
        self.batch = len(factors)
        for name, own in {"renderer": renderer, "views": views, "pixels": pixels}.items():
            if (asked := family.env_kwargs.get(name, own)) != own:
                fix = f"env.simulator.{name}={asked} instead"
                raise ConfigError(
                    f"env_kwargs.{name} is not what a simulator draws with", got=asked, expected=own, fix=fix
                )
        self.cameras, self.pixels, self.voxels = around_the_table(views), pixels, voxels
        named = [dict(zip(family.factor_names, map(float, row), strict=True)) for row in factors]
        options = {name: v for name, v in family.env_kwargs.items() if name not in PICTURES}
        self.systems = [System(Properties(**row), renderer=renderer, **options) for row in named]

    def reset(self, seeds: Sequence[int]) -> Array:
        pairs = zip(self.systems, seeds, strict=True)
        return np.stack([one.start(seeding.np_random(int(seed))[0]) for one, seed in pairs])

    def observe(self, state: Array) -> Array:
        return system.observe(state)

    def state_of(self, obs: Array) -> Array:
        return system.state_of(obs)

    def rollout(self, state: Array, action: Array) -> Array:
        self.check_shapes(state, action)
        B, N, T, _ = action.shape
        out = np.empty((B, N, T, state.shape[-1]))
        for b, n in np.ndindex(B, N):
            now = state[b, n]
            for t in range(T):
                now = out[b, n, t] = self.systems[b].push(now, action[b, n, t])[0]
        return out

    def push(self, system: int, state: Array, action: Array) -> tuple[Array, Outcome]:
        """One push of one system: the state [X] after it, and what happened on the way."""
        return self.systems[system].push(state, action)

    def photograph(self, system: int, state: Array) -> Images:
        """What the cameras see of one system in a state [X]."""
        return self.systems[system].photograph(state, self.cameras, self.pixels, self.pixels)

    def views(self, system: int, state: Array) -> Views:
        """The same as tensors, with mask, pose and true shape, as `HasCameras` asks."""
        seen = self.photograph(system, state)
        rgb, depth, intrinsics, extrinsics, mask = (
            torch.from_numpy(np.ascontiguousarray(a))[None]
            for a in (seen.rgb, seen.depth, seen.intrinsics, seen.extrinsics, seen.segmentation == OBJECT)
        )
        pose = torch.from_numpy(state[[0, 1, 7]]).float()[None]
        return Views(rgb, depth, intrinsics, extrinsics, mask, pose, self._solids[system])

    @cached_property
    def _solids(self) -> list[Solid]:
        side = (np.arange(self.voxels) + 0.5) / self.voxels * CUBE
        x, y, z = np.meshgrid(side - CUBE / 2, side - CUBE / 2, side, indexing="ij")
        points = np.stack([x, y, z], axis=-1)
        shapes = (torch.from_numpy(s.world.solid.body.contains(points))[None] for s in self.systems)
        return [Solid(shape, torch.tensor([CUBE])) for shape in shapes]
