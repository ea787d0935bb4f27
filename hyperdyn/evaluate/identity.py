"""What tells families apart in which a method without parameters acts otherwise."""

from __future__ import annotations

import hashlib
import inspect
from functools import partial
from importlib import import_module
from types import FunctionType
from typing import Any

import gymnasium
from gymnasium.envs.registration import load_env_creator

from hyperdyn.envs.spec import Family

OWN = __name__.partition(".")[0]


def identity(family: Family) -> list[Any]:
    """Plain values, as far as can be: all that its return depends on, the system and the planner apart.

    The name of a family that comes with this package stands for whatever else it says. One that says which arguments
    are only observed shares with others: all that it plans with is listed in place of its name. What is a user's own is
    listed with the source of the module that it is from, since it may become another under the same name.
    """
    parts = [family.objective, family.success, family.termination, family.simulator]
    env = family.env_id if family.env_id.startswith(f"{OWN}.") else [family.env_id, _origin(_maker(family.env_id))]
    if family.observed_only:
        kwargs = {name: v for name, v in family.env_kwargs.items() if name not in family.observed_only}
        return [env, kwargs, family.dt, family.factor_names, *map(_origin, [*parts, family.builder])]
    named = [family.name, env, dict(family.env_kwargs), family.dt]
    if isinstance(env, str) and family.success is family.builder is None and all(map(_is_own, parts)):
        return named
    return [*named, *map(_origin, [*parts, family.builder])]


def _origin(part: Any) -> Any:
    """Where a function or class can be imported from, with its source, and with the arguments of a partial one.

    Of what cannot be imported its `repr`, which at worst is another in every process: computed anew, never mixed up.
    """
    if isinstance(part, partial):
        keywords = {name: _given(value) for name, value in part.keywords.items()}
        return [_origin(part.func), list(map(_given, part.args)), keywords]
    if not isinstance(part, FunctionType | type):
        return repr(part) if part is None or _is_own(type(part)) else [repr(part), _origin(type(part))]
    if "<" in part.__qualname__:
        return repr(part)
    name = f"{part.__module__}.{part.__qualname__}"
    return name if _is_own(part) else [name, _source(part)]


def _given(value: Any) -> Any:
    """An argument of a partial function."""
    return _origin(value) if callable(value) else value


def _is_own(part: Any) -> bool:
    """Whether it is nothing, or comes with this package; a partial one with each of its arguments that is called."""
    if isinstance(part, partial):
        return all(map(_is_own, [part.func, *filter(callable, [*part.args, *part.keywords.values()])]))
    return part is None or (isinstance(part, FunctionType | type) and part.__module__.partition(".")[0] == OWN)


def _source(part: Any) -> str:
    """Hash over the module that defines it, where what it calls is too; over itself where that is no file."""
    for of in (inspect.getmodule(part), part):
        try:
            return hashlib.sha256(inspect.getsource(of).encode()).hexdigest()  # type: ignore[arg-type]
        except (OSError, TypeError):
            continue
    return repr(part)


def _maker(env_id: str) -> Any:
    """What Gymnasium calls to make an environment; None where it does not know it."""
    module, _, name = env_id.rpartition(":")
    try:
        if module:
            import_module(module)
        entry = gymnasium.spec(name).entry_point
        return load_env_creator(entry) if isinstance(entry, str) else entry
    except (ImportError, gymnasium.error.Error):
        return None
