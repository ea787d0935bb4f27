"""Families by name, as conf/env declares them."""

from __future__ import annotations

from importlib.resources import files

from hydra.utils import instantiate
from omegaconf import OmegaConf

from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, nearest

_FOLDER = files("hyperdyn.conf").joinpath("env")


def available() -> list[str]:
    """Names of the families that come with hyperdyn."""
    return sorted(path.name.removesuffix(".yaml") for path in _FOLDER.iterdir() if path.name.endswith(".yaml"))


def load(name: str) -> Family:
    """The family of this name.

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
    names = available()
    if name not in names:
        raise ConfigError("unknown environment family", got=name, fix=nearest(name, names))
    family = instantiate(OmegaConf.create(_FOLDER.joinpath(f"{name}.yaml").read_text()), _convert_="all")
    if not isinstance(family, Family):
        raise ConfigError(
            f"conf/env/{name}.yaml does not make a family", got=type(family).__name__, expected=Family.__qualname__
        )
    return family
