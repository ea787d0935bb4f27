"""Composition of the YAML files in conf/ into one configuration."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import hydra
import yaml  # type: ignore[import-untyped]
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from hyperdyn.diagnose import GROUPS, explain
from hyperdyn.errors import ConfigError
from hyperdyn.sources import register_packages, typed, with_files

CONF = "hyperdyn.conf"
SETTLED = ("method", "name", "run_dir", "overrides")
"""Keys that may refer to what only Hydra knows: a group's choice, the folder of a job."""


def compose(name: str, overrides: Sequence[str] = (), env: Mapping[str, Any] | None = None) -> DictConfig:
    """The configuration conf/<name>.yaml with overrides as on the command line (`model=fixed`, `seed=1`).

    env: stands for the group `env`; {"name": family.name} for a family that is no configuration but an object.

    Raises:
        ConfigError: an override that does not fit; it names the nearest that would.
    """
    with session():
        full = compose_full(name, overrides)
        if env is not None:
            with open_dict(full):
                full.env = dict(env)
        return settle(full)


def compose_full(name: str, overrides: Sequence[str] = ()) -> DictConfig:
    """As `compose`, inside a session, with Hydra's own node and nothing settled."""
    overrides = with_files(overrides, GROUPS)
    try:
        return hydra.compose(name, overrides, return_hydra_config=True)
    except (HydraException, OmegaConfBaseException, ValueError) as error:
        raise explain(error, name, overrides) from error
    except yaml.MarkedYAMLError as error:
        raise ConfigError("a configuration file cannot be read", got=f"{error.problem}{error.problem_mark}") from error


def check_sweep(name: str, overrides: Sequence[str]) -> DictConfig:
    """Compose with each value of a sweep in turn, so that a typo stops it before its first job.

    Returns:
        The configuration of the first combination.

    Raises:
        ConfigError: as `compose`.
    """
    with session():
        values = [_values(text) for text in with_files(overrides, GROUPS)]
        first = [v[0] for v in values]
        for i, choices in enumerate(values):
            for value in choices:
                compose_full(name, [*first[:i], value, *first[i + 1 :]])
        return settle(compose_full(name, first))


def sweep(name: str, overrides: Sequence[str], run: Callable[[DictConfig], Any]) -> None:
    """Call run(cfg) for every combination of the swept values, by Hydra's sweeper and launcher.

    The folder of a job is named after its swept values; what all jobs share would make names too long for a disk.
    """
    quiet = [] if any(o.startswith("hydra/job_logging") for o in overrides) else ["hydra/job_logging=none"]
    with session():
        overrides = with_files(overrides, GROUPS)
    shared = [key for o in overrides if (key := _shared_key(o)) is not None]
    names = ["hydra.sweep.subdir=${hydra:job.num}"]
    if len(shared) < len(overrides):
        names = [f"hydra.job.config.override_dirname.exclude_keys=[{','.join(shared)}]"]
    outer = sys.argv
    sys.argv = ["hyperdyn", "--multirun", *quiet, *names, *overrides]
    os.environ["HYDRA_FULL_ERROR"] = "1"  # exceptions come out as they are, and are printed in one place
    try:
        hydra.main(config_path=f"pkg://{CONF}", config_name=name, version_base="1.3")(run)()
    finally:
        sys.argv = outer


def _values(text: str) -> list[str]:
    """An override for each value of a sweep; the override itself if it is none, or has no values to list."""
    try:
        (override,) = OverridesParser.create().parse_overrides([text])
        if override.is_discrete_sweep():
            return [f"{override.get_key_element()}={value}" for value in override.sweep_string_iterator()]
    except (HydraException, ValueError):
        pass
    return [text]


def _shared_key(text: str) -> str | None:
    """The key of an override that has one value for all jobs, None of one that is swept."""
    try:
        (override,) = OverridesParser.create().parse_overrides([text])
    except (HydraException, ValueError):
        return None
    return None if override.is_sweep_override() else str(override.key_or_group)


@contextmanager
def session() -> Iterator[None]:
    """Hydra over hyperdyn's configuration, whatever Hydra is doing outside."""
    state = GlobalHydra.instance()
    outer = state.hydra
    state.clear()
    try:
        with hydra.initialize_config_module(CONF, job_name="hyperdyn", version_base="1.3"):
            yield
    finally:
        GlobalHydra.instance().hydra = outer


def settle(full: DictConfig) -> DictConfig:
    """The configuration without Hydra's node: what depends on that node is filled in."""
    state = HydraConfig.instance()
    outer = state.cfg
    state.set_config(full)
    try:
        settled = {key: full[key] for key in SETTLED if key in full}
    finally:
        state.cfg = outer
    with open_dict(full):
        del full["hydra"]
    for key, value in settled.items():
        full[key] = value
    return full


def _choice(group: str) -> str:
    """`${choice:model}`: the option that was chosen of a group."""
    return str(HydraConfig.get().runtime.choices[group])


def _asked() -> list[str]:
    """`${asked:}`: the overrides that this configuration was composed with."""
    return [typed(str(text)) for text in HydraConfig.get().overrides.task]


def _run_dir(name: str) -> str:
    """`${run_dir:name}`: runs/<name>, or the folder of this job in a sweep."""
    if HydraConfig.initialized() and HydraConfig.get().mode == RunMode.MULTIRUN:
        return f"{HydraConfig.get().sweep.dir}/{HydraConfig.get().sweep.subdir}"
    return f"runs/{name}"


register_packages()
OmegaConf.register_new_resolver("asked", _asked, replace=True)
OmegaConf.register_new_resolver("choice", _choice, replace=True)
OmegaConf.register_new_resolver("run_dir", _run_dir, replace=True)
