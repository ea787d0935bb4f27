"""From configuration to objects: the only place where the two meet."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from hydra.errors import InstantiationException
from hydra.utils import get_class, instantiate
from omegaconf import DictConfig, OmegaConf

from hyperdyn.behaviour.base import AbstractBehaviour
from hyperdyn.config import compose
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.types import StateSpec


def plain(cfg: Any) -> Any:
    """A configuration as dicts, lists, strings and numbers, interpolations resolved."""
    return OmegaConf.to_container(cfg, resolve=True) if OmegaConf.is_config(cfg) else cfg


def construct(cfg: Any, **kwargs: Any) -> Any:
    """The object that a node with `_target_` describes; constructors get plain containers only.

    Raises:
        ConfigError: the constructor does not take these arguments.
    """
    node = dict(plain(cfg))
    try:
        make = instantiate({**node, "_partial_": True}, _convert_="all")  # our arguments stay out of the configuration
        return make if node.get("_partial_") else make(**kwargs)
    except InstantiationException as error:
        if error.__cause__ is not None:
            raise error.__cause__ from error
        raise
    except TypeError as error:
        if "argument" not in str(error):
            raise
        fix = "compare the configuration with the signature of the constructor"
        raise ConfigError(f"cannot build {node['_target_']}", got=str(error), fix=fix) from error


def family(cfg: DictConfig | Mapping[str, Any]) -> Family:
    """The family that a node `env` describes.

    Raises:
        ConfigError: it describes none, because the run was given a family as an object.
    """
    if "_target_" not in cfg:
        raise ConfigError(
            f"the family '{cfg.get('name')}' was given to this run as an object, and no configuration describes it",
            fix="call from Python what this command calls, or write the family as a YAML file",
        )
    made: Family = construct(cfg)
    return made


def behaviour(cfg: Any, of: Family) -> AbstractBehaviour:
    """The behaviour that a node describes; where there is none, the family's own."""
    made: AbstractBehaviour = construct(
        compose("collect", [f"behaviour={of.behaviour}"]).behaviour if cfg is None else cfg
    )
    return made


def recipe(cfg: DictConfig | Mapping[str, Any], of: Family) -> dict[str, Any]:
    """Plain containers that describe the method of a `model` group, sized for a family.

    A constructor that asks for `factor_dim`, `factor_ranges` or `factor_log` is told them.
    """
    node = dict(plain(cfg))
    asked = inspect.signature(get_class(node["_target_"])).parameters
    told = {
        "factor_dim": len(of.factors),
        "factor_ranges": of.ranges("train").tolist(),
        "factor_log": [bool(f.log) for f in of.factors.values()],
    }
    node |= {name: value for name, value in told.items() if name in asked}
    return {"family": of.name, "state": asdict(of.state, dict_factory=_lists), "model": node}


def _lists(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {k: list(v) if isinstance(v, tuple) else v for k, v in items}


def model(recipe: Mapping[str, Any]) -> AbstractDynamics:
    """The untrained method that a recipe describes."""
    made: AbstractDynamics = construct(recipe["model"], spec=StateSpec.of(recipe["state"]))
    made.recipe = {name: recipe[name] for name in ("family", "state", "model") if name in recipe}
    return made


def plugins(cfg: Mapping[str, Any] | None, **offered: Any) -> list[Any]:
    """One object a node of a group (callbacks, loggers), each given those of `offered` that its constructor asks for.

    A node that is null is left out, so that `callbacks.videos=null` switches one off.
    """
    nodes = {name: node for name, node in (plain(cfg) or {}).items() if node is not None}
    for name, node in nodes.items():
        if "_target_" not in node:
            raise ConfigError(
                f"'{name}' is given settings, but there is no such node",
                got=f"{', '.join(node)} without _target_",
                fix=f"{name}=null; ~GROUP takes out a group, but not what an experiment sets in it",
            )
    return [plugin(node, **offered) for node in nodes.values()]


def plugin(cfg: Any, **offered: Any) -> Any:
    """The object of one node, given those of `offered` that its constructor asks for and the node does not set."""
    node = plain(cfg)
    asked = inspect.signature(get_class(node["_target_"])).parameters
    return construct(node, **{k: v for k, v in offered.items() if k in asked and k not in node})
