"""Systems simulated by MuJoCo: one at a time behind Gymnasium, many at a time through `mujoco.rollout`."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from gymnasium.utils import seeding
from numpy.typing import NDArray

from hyperdyn.envs.rendering import open_renderer
from hyperdyn.envs.simulator import Array

STATE = int(mujoco.mjtState.mjSTATE_QPOS | mujoco.mjtState.mjSTATE_QVEL | mujoco.mjtState.mjSTATE_WARMSTART)
"""A state [X]: positions, velocities, and the accelerations that the constraint solver starts from.

The solver stops at a tolerance, so its starting point decides the last bits: it belongs to the state.
"""


class AbstractMujocoEnv(gymnasium.Env[Array, NDArray[np.float32]], ABC):
    """One system. Episodes never terminate; actions are motor commands in [-1, 1], clipped by MuJoCo.

    frame_skip: physics steps per action.
    camera: name of the camera that `render` looks through.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 20}  # type: ignore[misc]
    frame_skip: ClassVar[int]
    camera: ClassVar[str] = "track"

    def __init__(self, factors: Mapping[str, float], render_mode: str | None) -> None:
        self.model = self.build(factors, visual=render_mode is not None)
        self.data = mujoco.MjData(self.model)
        self.render_mode = render_mode
        self._renderer: mujoco.Renderer | None = None
        self._obs = self.observe(self.state)
        self.action_space = spaces.Box(-1.0, 1.0, (self.model.nu,), np.float32)
        self.observation_space = spaces.Box(-np.inf, np.inf, self._obs.shape, np.float64)

    @staticmethod
    @abstractmethod
    def build(factors: Mapping[str, float], visual: bool) -> mujoco.MjModel:
        """The compiled model of one system, with what only a camera sees if `visual`."""

    @staticmethod
    @abstractmethod
    def start(model: mujoco.MjModel, rng: np.random.Generator) -> tuple[Array, Array]:
        """Random positions [nq] and velocities [nv] at the start of an episode."""

    @staticmethod
    @abstractmethod
    def observe(state: Array) -> Array:
        """Observations [...,S] of states [...,X]."""

    @staticmethod
    @abstractmethod
    def motion_of(obs: Array) -> Array:
        """Positions and velocities [...,nq+nv] that show the observations [...,S].

        Raises:
            EnvError: observations do not determine them.
        """

    @staticmethod
    @abstractmethod
    def objective(obs: Any, action: Any, next_obs: Any) -> Any:
        """Reward of one step [...], of NumPy arrays or of tensors."""

    @staticmethod
    @abstractmethod
    def ground(model: mujoco.MjModel, x: Array, state: Array) -> Array | None:
        """Height [...] of the ground at x [...] in the plane of the side view [m], in a state [X]; None without one."""

    @property
    def state(self) -> Array:
        """The present state [X]."""
        return state_of_data(self.model, self.data)

    def set_state(self, state: Array) -> None:
        """Put the system into a state [X]."""
        mujoco.mj_setState(self.model, self.data, np.ascontiguousarray(state, dtype=np.float64), STATE)
        self._obs = self.observe(self.state)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        begin(self.model, self.data, *self.start(self.model, self.np_random))
        self._obs = self.observe(self.state)
        return self._obs, {}

    def step(self, action: NDArray[np.float32]) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        before = self._obs
        self.data.ctrl[:] = action
        mujoco.mj_step(self.model, self.data, self.frame_skip)
        self._obs = self.observe(self.state)
        reward = self.objective(before, np.asarray(action, dtype=np.float64), self._obs)
        return self._obs, float(reward), False, False, {}

    def render(self) -> NDArray[np.uint8] | None:
        """The present state as an image [height,width,3], or None without a render mode.

        Raises:
            EnvError: this machine offers MuJoCo no OpenGL.
        """
        if self.render_mode is None:
            return None
        if self._renderer is None:
            self._renderer = open_renderer(self.model)
        # Drawing needs derived quantities; computing them in place could disturb the solver's warm start.
        shown = copy.copy(self.data)
        mujoco.mj_forward(self.model, shown)
        self._renderer.update_scene(shown, camera=self.camera)
        # Shadows take most of the time and show nothing that matters here.
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = False
        return self._renderer.render()

    def close(self) -> None:
        if self._renderer is not None:
            self._renderer.close()
            self._renderer = None


def begin(model: mujoco.MjModel, data: mujoco.MjData, qpos: Array, qvel: Array) -> None:
    """Start an episode in `data` at these positions and velocities."""
    mujoco.mj_resetData(model, data)
    data.qpos[:] = qpos
    data.qvel[:] = qvel
    mujoco.mj_forward(model, data)


def state_of_data(model: mujoco.MjModel, data: mujoco.MjData) -> Array:
    """The state [X] held by `data`."""
    state = np.empty(mujoco.mj_stateSize(model, STATE))
    mujoco.mj_getState(model, data, state, STATE)
    return state


def initial_state(env: type[AbstractMujocoEnv], model: mujoco.MjModel, data: mujoco.MjData, seed: int) -> Array:
    """The state [X] that `env` has after `reset(seed=seed)`."""
    rng, _ = seeding.np_random(seed)
    begin(model, data, *env.start(model, rng))
    return state_of_data(model, data)
