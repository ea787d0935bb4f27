"""A Gymnasium environment behind what this package asks of one: actions in [-1, 1], and a state that can be set."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

import gymnasium
import numpy as np
from gymnasium import spaces

from hyperdyn.envs.adapter import attributes, physics
from hyperdyn.envs.adapter.actions import Actions
from hyperdyn.envs.adapter.observations import STATE, observation_space, vector
from hyperdyn.envs.expression import Expression
from hyperdyn.envs.simulator import Array
from hyperdyn.errors import ConfigError, EnvError

Env = gymnasium.Env[Any, Any]


@final
@dataclass(frozen=True)
class Adapter:
    """Makes the environments of a family; called as `gymnasium.make` is.

    Everything is a plain value or a function at the top of a module, so that it travels to worker processes. For the
    arguments see `gymnasium_family`.

    steps: the longest episode.
    whole: factors that are counts, given to the constructor as integers.
    ends: whether an episode is over when the environment says so; otherwise it is asked to go on.
    """

    steps: int
    attributes: Mapping[str, Expression] = field(default_factory=dict)
    wrappers: tuple[Callable[[Env], Env], ...] = ()
    observation: tuple[str, ...] = ()
    state_of: tuple[Expression, ...] = ()
    physics: str = "auto"
    whole: tuple[str, ...] = ()
    factors: tuple[str, ...] = ()
    ends: bool = False

    def __call__(self, env_id: str, **arguments: Any) -> AdaptedEnv:
        hidden = {name: float(arguments[name]) for name in self.factors if name in arguments}
        later = {name for formula in self.attributes.values() for name in formula.used()}
        given = {name: value for name, value in arguments.items() if name not in later}
        given |= {name: round(given[name]) for name in self.whole if name in given}
        inner = make(env_id, **given)
        attributes.apply(inner.unwrapped, self.attributes, hidden)
        for wrapper in self.wrappers:
            inner = wrapper(inner)
        return AdaptedEnv(inner, self, env_id, abs(hash(tuple(hidden.values()))) % 2**52)


def make(env_id: str, **arguments: Any) -> Env:
    """`gymnasium.make` without a time limit: how long an episode is, is the family's to say.

    Raises:
        ConfigError: there is no such id, its package is not installed, or it does not take these arguments.
    """
    try:
        return gymnasium.make(env_id, max_episode_steps=-1, disable_env_checker=True, **arguments)
    except gymnasium.error.Error as error:
        raise ConfigError(f"there is no environment '{env_id}'", got=error) from error
    except ModuleNotFoundError as error:
        raise ConfigError(
            f"'{env_id}' needs a module", got=error, fix="install its package, or set PYTHONPATH"
        ) from error
    except TypeError as error:
        if "argument" not in str(error):
            raise
        raise ConfigError(
            f"'{env_id}' does not take a factor or an argument",
            got=error,
            expected=_signature(env_id),
            fix="attributes: {PATH: FORMULA} sets after construction what the constructor does not take",
        ) from error


@final
class AdaptedEnv(gymnasium.Env[Any, Any]):
    """A state [X] is the physics state, then the observation that goes with it, then whether the episode is over.

    With the observation in it, every environment can tell what it shows of a state, however it computes that.
    """

    def __init__(self, inner: Env, about: Adapter, env_id: str, system: int) -> None:
        self.inner, self.about, self.env_id = inner, about, env_id
        self.metadata, self.render_mode = inner.metadata, inner.render_mode
        self.actions = Actions.of(inner.action_space, env_id)
        self.action_space = spaces.Box(-1.0, 1.0, (len(self.actions.low),), np.float32)
        inner.reset(seed=0)
        self.physics = physics.of(inner, about.physics, self.actions, about.steps, system)
        self._keys = tuple(key for key in about.observation if key != STATE)
        self._only_state = about.observation == (STATE,)
        space: spaces.Box[Any]
        if self._only_state:
            self._motion = physics.of(inner, "auto", self.actions, about.steps, system)
            if not self._motion.shown:
                fix = "observation: a key of its Dict, or a wrapper that makes a vector"
                raise ConfigError(f"'{env_id}' has no state that could be observed", got="observation: state", fix=fix)
            space = spaces.Box(-np.inf, np.inf, (self._motion.shown,), np.float64)
        else:
            space = observation_space(inner.observation_space, self._keys, env_id)
        self.observation_space = space
        self._obs: Array = np.zeros(space.shape)
        self._over = False
        self._tail = self._shows_the_end_of_the_state()

    @property
    def dt(self) -> float | None:
        """Seconds from one action to the next, where the environment tells."""
        env: Any = self.inner.unwrapped
        for name in ("dt", "tau"):
            if isinstance(getattr(env, name, None), (int, float)):
                return float(getattr(env, name))
        return None

    @property
    def state(self) -> Array:
        """The present state [X]."""
        return np.concatenate([self.physics.get(), self._obs, [float(self._over)]])

    def set_state(self, state: Array) -> None:
        """Put the environment into a state [X]."""
        P = self.physics.size
        self.physics.set(state[:P])
        self._obs, self._over = np.array(state[P:-1]), bool(state[-1])

    def observe(self, state: Array) -> Array:
        """Observations [...,S] of states [...,X]."""
        return state[..., self.physics.size : -1]

    def state_of(self, obs: Array) -> Array:
        """States [...,X] that show observations [...,S].

        Raises:
            EnvError: the family does not say how they follow.
        """
        S, P, shown = obs.shape[-1], self.physics.size, self.physics.shown
        found = np.zeros((*obs.shape[:-1], P + S + 1))
        found[..., P : P + S] = obs
        if self.about.state_of:
            values = [np.asarray(f(obs=obs)) for f in self.about.state_of]
            found[..., : len(values)] = np.concatenate(values, axis=-1)
        elif self._tail:
            found[..., shown - S : shown] = obs  # what lies before is where a body is on an endless floor
        else:
            raise EnvError(
                f"observations of '{self.env_id}' do not say what the state is",
                fix="state_of: a formula over `obs` for each entry of the state; to plan without the simulator as the "
                "ceiling: bounds=false",
            )
        return found

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        seed = int(self.np_random.integers(2**31)) if seed is None else seed  # an episode must be able to begin again
        shown, info = self.inner.reset(seed=seed, options=options)
        self.physics.began(seed)
        self._over, self._obs = False, self._seen(shown)
        return self._obs, info

    def step(self, action: Any) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        if self._over and self.about.ends:
            return self._obs, 0.0, True, False, {}
        shown, reward, terminated, truncated, info = self.inner.step(self.actions.to_env(action))
        self.physics.stepped(np.asarray(action, dtype=np.float64))
        self._over, self._obs = bool(terminated), self._seen(shown)
        return self._obs, float(reward), bool(terminated), bool(truncated), info

    def render(self) -> Any:
        return self.inner.render()

    def close(self) -> None:
        self.inner.close()

    def _seen(self, shown: Any) -> Array:
        return self._motion.get()[: self._motion.shown] if self._only_state else vector(shown, self._keys)

    def _shows_the_end_of_the_state(self) -> bool:
        """Whether an observation is the positions and velocities, or the last of them; seen after some steps."""
        (S,), shown = self._obs.shape, self.physics.shown
        if not 0 < S <= shown:
            return False
        self.reset(seed=0)
        for _ in range(3):
            self.step(np.full(self.action_space.shape, 0.5))
        return bool(np.allclose(self.physics.get()[shown - S : shown], self._obs, rtol=1e-5, atol=1e-6))


def registered(env_id: str) -> Any:
    """Gymnasium's specification of an id whose module, if it names one, is imported already."""
    return gymnasium.spec(env_id.rpartition(":")[2])


def _signature(env_id: str) -> str:
    entry = registered(env_id).entry_point
    made = gymnasium.envs.registration.load_env_creator(entry) if isinstance(entry, str) else entry
    return ", ".join(inspect.signature(made).parameters) if made is not None else ""


def parsed(sources: Sequence[Any], entries: Sequence[str]) -> tuple[Expression, ...]:
    """The formulas of `state_of`."""
    return tuple(Expression(str(s), ("obs",), {"obs": tuple(entries)}) for s in sources)
