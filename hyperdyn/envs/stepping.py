"""Any Gymnasium environment whose state can be set, as a batched simulator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, final

import numpy as np

from hyperdyn.envs.simulator import AbstractSimulator, Array
from hyperdyn.errors import EnvError

if TYPE_CHECKING:
    from hyperdyn.envs.spec import Family


@final
class SteppingSimulator(AbstractSimulator):
    """One environment per system, stepped row by row: the way in for an environment that has no batched simulator.

    The environment's class has

        state: attribute, the physics state [X]; all that a step depends on
        set_state(state): put the system into a state [X]
        observe(state): method, observations [...,S] of states [...,X]; left out if they are the same
        state_of(obs): its inverse, where there is one; left out if they are the same
        segments(state), ground(x): the side view for videos, as in `skeleton.Drawable`; left out, there are no videos

    Raises:
        EnvError: the environment's state cannot be set, or does not show what the environment observes.
    """

    def __init__(self, family: Family, factors: Array) -> None:
        self.batch = len(factors)
        self.envs: list[Any] = [family.make(row).unwrapped for row in factors]
        self._first: Any = self.envs[0] if self.envs else object()
        self._type = type(self._first)
        for name in ("state", "set_state") if self.envs else ():
            if not hasattr(self.envs[0], name):
                raise EnvError(
                    f"the state of {self._type.__name__} cannot be set",
                    got=f"no '{name}'",
                    expected="an attribute `state` [X] and a method `set_state(state)`",
                    fix="add them, or write a simulator: see AbstractSimulator",
                )

    def reset(self, seeds: Sequence[int]) -> Array:
        observed = [env.reset(seed=int(seed))[0] for env, seed in zip(self.envs, seeds, strict=True)]
        states = np.stack([np.array(env.state, dtype=np.float64) for env in self.envs])
        shown = self.observe(states)
        if shown.shape != np.shape(observed) or not np.allclose(shown, observed, atol=1e-5):
            raise EnvError(
                f"observations of {self._type.__name__} are not what `observe` makes of its state",
                got=f"{np.asarray(shown)[0]}",
                expected=f"{observed[0]}",
                fix="give it a static method `observe(state)` that `reset` and `step` use too",
            )
        return states

    def observe(self, state: Array) -> Array:
        seen: Array = self._first.observe(state) if hasattr(self._first, "observe") else state
        return seen

    def state_of(self, obs: Array) -> Array:
        if hasattr(self._first, "state_of"):
            state: Array = self._first.state_of(obs)
            return state
        if hasattr(self._first, "observe"):
            raise EnvError(
                f"observations of {self._type.__name__} do not determine its state", fix="give it a method `state_of`"
            )
        return obs

    def rollout(self, state: Array, action: Array) -> Array:
        self.check_shapes(state, action)
        B, N, T, _ = action.shape
        states = np.empty((B, N, T, state.shape[-1]))
        for b, env in enumerate(self.envs):
            for n in range(N):
                env.set_state(state[b, n].copy())
                for t in range(T):
                    env.step(action[b, n, t])
                    states[b, n, t] = env.state
        return states

    def segments(self, system: int, state: Array) -> Array:
        """The body of a system in a state [X] as segments [n,2,2].

        Raises:
            EnvError: the environment has no side view.
        """
        env = self.envs[system]
        if not hasattr(env, "segments"):
            raise EnvError(
                f"{self._type.__name__} cannot be drawn",
                fix="give it a method `segments(state)` to [n,2,2], or switch videos off: callbacks.videos=null",
            )
        return np.asarray(env.segments(state), dtype=np.float64)

    def ground(self, system: int, x: Array, state: Array) -> Array | None:
        """Height [...] of the ground at x [...], None where there is none."""
        env = self.envs[system]
        return np.asarray(env.ground(x), dtype=np.float64) if hasattr(env, "ground") else None
