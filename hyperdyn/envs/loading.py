"""Families by name, as conf/env declares them."""

from __future__ import annotations

from importlib.resources import files
from importlib.resources.abc import Traversable
from importlib.util import find_spec

from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import OmegaConf

from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, nearest
from hyperdyn.sources import packages, read

_FOLDER = files("hyperdyn.conf").joinpath("env")


def _installed() -> dict[str, Traversable]:
    """The YAML of every family by its name; those of other packages give way to hyperdyn's own."""
    folders = [files(package).joinpath("env") for package in packages() if find_spec(package) is not None]
    found = {p.name: p for folder in (*folders, _FOLDER) if folder.is_dir() for p in folder.iterdir()}
    return {name.removesuffix(".yaml"): p for name, p in found.items() if name.endswith(".yaml")}


def available() -> list[str]:
    """Names of the families that come with hyperdyn."""
    return sorted(path.name.removesuffix(".yaml") for path in _FOLDER.iterdir() if path.name.endswith(".yaml"))


def load(name: str) -> Family:
    """The family of this name, of hyperdyn or of an installed package, or that of a YAML file.

        >>> import hyperdyn
        >>> family = hyperdyn.family("pendulum")
        >>> family.factor_names, family.state.obs_dim, family.state.action_dim
        (('gravity', 'mass', 'length'), 3, 1)
        >>> env = family.make(family.draw("interpolation", 1, 0)[0])  # a Gymnasium environment
        >>> env.reset(seed=0)[0].shape
        (3,)

    Raises:
        ConfigError: there is no such family.
    """
    if name.endswith((".yaml", ".yml")):
        declared = read(name)
    else:
        there = _installed()
        if name not in there:
            raise ConfigError("unknown environment family", got=name, fix=nearest(name, there))
        declared = OmegaConf.create(there[name].read_text())
    try:
        family = instantiate(declared, _convert_="all")
    except InstantiationException as error:
        raise error.__cause__ or error from error
    if not isinstance(family, Family):
        raise ConfigError(f"'{name}' does not make a family", got=type(family).__name__, expected=Family.__qualname__)
    return family
