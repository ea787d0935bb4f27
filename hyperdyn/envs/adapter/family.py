"""A family from configuration alone: the id of an environment, what is hidden, what is asked."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any

from hyperdyn.envs.adapter import attributes as later
from hyperdyn.envs.adapter.env import AdaptedEnv, Adapter, Env, parsed, registered
from hyperdyn.envs.adapter.physics import KINDS
from hyperdyn.envs.formula import formula
from hyperdyn.envs.spec import SPLITS, Factor, Family
from hyperdyn.envs.stepping import SteppingSimulator
from hyperdyn.errors import ConfigError, nearest
from hyperdyn.types import Objective


def gymnasium_family(
    name: str,
    env_id: str,
    factors: Mapping[str, Factor | Mapping[str, Any]],
    objective: str | Objective,
    *,
    attributes: Mapping[str, Any] | None = None,
    termination: str | Objective | None = None,
    env_kwargs: Mapping[str, Any] | None = None,
    wrappers: Sequence[Callable[[Env], Env]] = (),
    observation: str | Sequence[str] = (),
    state_of: Sequence[Any] = (),
    physics: str = "auto",
    dt: float | None = None,
    episode_steps: int | None = None,
    entries: Sequence[str] = (),
    drop: Sequence[int] = (),
    angles: Sequence[int] = (),
    exactly_one: Sequence[Any] = (),
) -> Family:
    """Systems of a registered environment that nobody wrote for this package.

    Sizes of observation and action, dt and the length of an episode are read from the environment where it tells them.

    env_id: as `gymnasium.make` takes it; `module:Id-v0` imports the module first.
    factors: keyword arguments of the constructor, or what `attributes` names.
    objective: reward of one step: a formula (`hyperdyn.envs.formula.Formula`) or a function.
    attributes: path of an attribute to a formula over the factors, set after construction; a factor that is in one is
        not given to the constructor. `value` is what the attribute was: `model.body_mass: value * mass`.
    termination: whether a step ends the episode, as the environment has it: a formula or a function. Without it, the
        environment is asked to go on.
    env_kwargs: further arguments of the constructor.
    wrappers: each is given the environment of the one before it.
    observation: key or keys of a Dict observation, or `state` for positions and velocities (of a camera's environment).
    state_of: formulas over `obs` for the entries of the physics state, where observations are not its last entries.
    physics: how the state is set: `mujoco` data, the `attribute` state, its `own` set_state, or `replay` of the episode
        so far; `auto` takes the first that there is.
    dt, episode_steps: [s] from one action to the next, and steps of an episode.
    entries, drop, angles, exactly_one: see `Family` and `StateSpec`.

    Raises:
        ConfigError: what cannot be, with what there is.
    """
    if physics not in KINDS:
        raise ConfigError(f"physics of family '{name}'", got=physics, fix=nearest(physics, KINDS))
    declared = {n: _factor(name, n, given) for n, given in factors.items()}
    adapter = Adapter(
        steps=1,
        attributes=later.formulas(attributes or {}, declared),
        wrappers=tuple(wrappers),
        observation=(observation,) if isinstance(observation, str) else tuple(observation),
        state_of=parsed(state_of, entries),
        physics=physics,
        whole=tuple(n for n, f in declared.items() if _is_count(f)),
        factors=tuple(declared),
        ends=termination is not None,
    )
    env = adapter(env_id, **{**(env_kwargs or {}), **{n: f.nominal for n, f in declared.items()}})
    about, steps = _tells(env, _dt(name, dt, env)), episode_steps or _own_steps(env)
    env.close()
    sizes = {"obs_dim": about["obs_dim"], "action_dim": len(about["low"])}
    return Family(
        name=name,
        env_id=env_id,
        factors=declared,
        state={**sizes, "drop": drop, "angles": angles},  # type: ignore[arg-type]
        dt=about["dt"],
        episode_steps=steps,
        objective=formula(objective, entries, **about),
        simulator=SteppingSimulator,
        exactly_one=tuple(exactly_one),
        env_kwargs=env_kwargs or {},
        entries=tuple(entries),
        builder=replace(adapter, steps=steps),
        termination=formula(termination, entries, **about),
    )


def _tells(env: AdaptedEnv, dt: float) -> dict[str, Any]:
    """What formulas over its observations and actions must know of an environment."""
    actions = env.actions
    return {
        "dt": dt,
        "low": actions.low,
        "high": actions.high,
        "choices": actions.choices,
        "obs_dim": env.observation_space.shape[0],  # type: ignore[index]
    }


def _factor(family: str, name: str, given: Factor | Mapping[str, Any]) -> Factor:
    if isinstance(given, Factor):
        return given
    valid = [f.name for f in fields(Factor)]
    for key in given:
        if key not in valid:
            raise ConfigError(f"unknown field in factor '{name}' of '{family}'", got=key, fix=nearest(key, valid))
    try:
        return Factor(**given)
    except TypeError as error:
        raise ConfigError(f"factor '{name}' of family '{family}'", got=error, expected=", ".join(valid)) from error


def _is_count(factor: Factor) -> bool:
    """Whether it takes whole numbers only, written as such."""
    pieces = [p for split in SPLITS for p in factor.pieces(split)]
    return all(isinstance(p, int) for p in pieces)


def _dt(name: str, declared: float | None, env: AdaptedEnv) -> float:
    dt = declared if declared is not None else env.dt
    if dt is None:
        raise ConfigError(
            f"the environment of '{name}' does not say how long an action lasts",
            fix="dt: seconds, in the family's YAML",
        )
    return float(dt)


def _own_steps(env: AdaptedEnv) -> int:
    """Of the registration, if it has a limit; 200 otherwise."""
    return int(registered(env.env_id).max_episode_steps or 200)
