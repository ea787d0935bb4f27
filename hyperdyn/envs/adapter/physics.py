"""The physics state of an environment that nobody wrote for this package."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, final

import gymnasium
import mujoco
import numpy as np

from hyperdyn.envs.adapter.actions import Actions
from hyperdyn.envs.simulator import Array
from hyperdyn.errors import EnvError

MUJOCO_STATE = int(
    mujoco.mjtState.mjSTATE_QPOS
    | mujoco.mjtState.mjSTATE_QVEL
    | mujoco.mjtState.mjSTATE_ACT
    | mujoco.mjtState.mjSTATE_WARMSTART
    | mujoco.mjtState.mjSTATE_MOCAP_POS
    | mujoco.mjtState.mjSTATE_MOCAP_QUAT
)

KINDS = ("auto", "mujoco", "attribute", "own", "replay")
AHEAD = 100
"""Steps after an episode's end that a replay can hold: planners look beyond it."""


class AbstractPhysics(ABC):
    """Reads and writes the state [P] of one environment.

    size: P.
    shown: the first entries of the state, as many as say where bodies are and how fast: what an observation may be.
    """

    size: int
    shown: int

    @abstractmethod
    def get(self) -> Array:
        """The present state [P]."""

    @abstractmethod
    def set(self, state: Array) -> None:
        """Put the environment into a state [P]."""

    def began(self, seed: int) -> None:  # noqa: B027 - only a replay needs to be told
        """An episode began with this seed."""

    def stepped(self, action: Array) -> None:  # noqa: B027 - likewise
        """The environment took this action [A] in [-1, 1]."""


@final
class MujocoPhysics(AbstractPhysics):
    """Positions, velocities, activations, and what the solver starts from."""

    def __init__(self, env: Any) -> None:
        self.model, self.data = env.model, env.data
        self.size = mujoco.mj_stateSize(self.model, MUJOCO_STATE)
        self.shown = self.model.nq + self.model.nv

    def get(self) -> Array:
        state = np.empty(self.size)
        mujoco.mj_getState(self.model, self.data, state, MUJOCO_STATE)
        return state

    def set(self, state: Array) -> None:
        state = np.ascontiguousarray(state, dtype=np.float64)
        mujoco.mj_setState(self.model, self.data, state, MUJOCO_STATE)
        mujoco.mj_forward(self.model, self.data)  # what an environment reads besides, such as the torso's position


@final
class AttributePhysics(AbstractPhysics):
    """The attribute `state`, as Gymnasium's classic control has it."""

    def __init__(self, env: Any) -> None:
        self.env = env
        now = np.asarray(env.state)
        self.kind, self.shape, self.dtype = type(env.state), now.shape, now.dtype
        self.size = self.shown = now.size

    def get(self) -> Array:
        return np.array(self.env.state, dtype=np.float64).ravel()

    def set(self, state: Array) -> None:
        values = np.array(state, dtype=self.dtype).reshape(self.shape)
        self.env.state = values if self.kind is np.ndarray else self.kind(values.tolist())
        for counter in ("steps_beyond_terminated", "steps_beyond_done"):
            if hasattr(self.env, counter):
                setattr(self.env, counter, None)


@final
class OwnPhysics(AbstractPhysics):
    """What the environment itself offers: `state` and `set_state(state)`."""

    def __init__(self, env: Any) -> None:
        self.env = env
        self.size = self.shown = np.asarray(env.state).size

    def get(self) -> Array:
        return np.array(self.env.state, dtype=np.float64).ravel()

    def set(self, state: Array) -> None:
        self.env.set_state(np.array(state, dtype=np.float64))


@final
class ReplayPhysics(AbstractPhysics):
    """The seed of an episode and its actions so far, played again: for an environment whose state cannot be set.

    It needs nothing but determinism, and an episode of T steps costs T of them, unless the environment stands there
    already. State [3 + (steps + AHEAD) * A]: which system, seed, number of actions, the actions.
    """

    def __init__(self, env: gymnasium.Env[Any, Any], act: Any, steps: int, action_dim: int, system: int) -> None:
        self.env, self.act, self.system = env, act, system
        self.size, self.shown = 3 + (steps + AHEAD) * action_dim, 0
        self._width = action_dim
        self._now = np.zeros(self.size)

    def get(self) -> Array:
        return self._now.copy()

    def set(self, state: Array) -> None:
        if np.array_equal(state, self._now):
            return
        if state[0] != self.system:
            raise EnvError(
                "a state of one system in another, which cannot be set",
                got="an environment whose episodes can only be played again",
                fix="give the environment `state` and `set_state(state)`",
            )
        count = int(state[2])
        actions = state[3:].reshape(-1, self._width)[:count]
        self.env.reset(seed=int(state[1]))
        self.began(int(state[1]))
        for action in actions:
            self.env.step(self.act(action))
            self.stepped(action)

    def began(self, seed: int) -> None:
        self._now = np.zeros(self.size)
        self._now[:2] = self.system, seed

    def stepped(self, action: Array) -> None:
        at = 3 + int(self._now[2]) * len(action)
        if at + len(action) > self.size:
            raise EnvError(
                "an episode is longer than the environment can play again",
                got=f"{int(self._now[2]) + 1} steps",
                expected=f"at most {(self.size - 3) // len(action)}",
                fix="a larger episode_steps in the family, or a planner that looks less far ahead",
            )
        self._now[at : at + len(action)] = action
        self._now[2] += 1


def of(inner: gymnasium.Env[Any, Any], kind: str, actions: Actions, steps: int, system: int) -> AbstractPhysics:
    """The physics state of an environment, of one of `KINDS`; `steps` and `system` are what a replay must know."""
    env: Any = inner.unwrapped
    kind = _found(env) if kind == "auto" else kind
    if kind == "replay":
        return ReplayPhysics(inner, actions.to_env, steps, len(actions.low), system)
    if kind == "attribute":
        inner.step(actions.to_env(np.zeros(len(actions.low))))  # its kind of numbers is that of a step
        return AttributePhysics(env)
    return OwnPhysics(env) if kind == "own" else MujocoPhysics(env)


def _found(env: Any) -> str:
    if isinstance(getattr(env, "data", None), mujoco.MjData) and isinstance(env.model, mujoco.MjModel):
        return "mujoco"
    if not _is_vector(getattr(env, "state", None)):
        return "replay"
    return "own" if callable(getattr(env, "set_state", None)) else "attribute"


def _is_vector(value: Any) -> bool:
    try:
        return value is not None and np.ndim(value) == 1 and np.issubdtype(np.asarray(value).dtype, np.number)
    except ValueError:
        return False
