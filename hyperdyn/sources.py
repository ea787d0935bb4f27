"""Configuration of others: installed packages that bring folders of YAML, and single files."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, final

import yaml  # type: ignore[import-untyped]
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.plugins import Plugins
from hydra.plugins.search_path_plugin import SearchPathPlugin
from omegaconf import OmegaConf

from hyperdyn.errors import ConfigError

ENTRY_POINTS = "hyperdyn.conf"
"""Group of entry points; the value of each is a package whose folders are groups: my_envs.conf, with env/, model/."""

PACKAGE = re.compile(r"^#\s*@package\s+(\S+)\s*$", re.MULTILINE)
"""Where a file says that its content belongs: `_global_` in an experiment."""

FILE = re.compile(r"^(?P<group>[a-z_]+)=(?P<files>.*\.ya?ml['\"]?)$")

_originals: dict[str, str] = {}
"""An override as Hydra was given it, to the one that was typed."""


def packages() -> list[str]:
    """The packages, besides this one, whose folders of configuration are installed."""
    return sorted({entry.value.partition(":")[0] for entry in entry_points(group=ENTRY_POINTS)})


@final
class InstalledPackages(SearchPathPlugin):
    """Puts the folders of installed packages behind hyperdyn's own, and in no other program's way."""

    def manipulate_search_path(self, search_path: ConfigSearchPath) -> None:
        if any(item.path == "pkg://hyperdyn.conf" for item in search_path.get_path()):
            for package in packages():
                search_path.append(provider=package, path=f"pkg://{package}")


def register_packages() -> None:
    """Make Hydra look into the folders of installed packages; calling it again does nothing."""
    Plugins.instance().register(InstalledPackages)


def with_files(overrides: Sequence[str], groups: Sequence[str]) -> list[str]:
    """Overrides in which `group=path/to/file.yaml` chooses what that file holds.

    Raises:
        ConfigError: there is no such file, or it is no YAML.
    """
    return [_with_file(text, groups) for text in overrides]


def typed(override: str) -> str:
    """An override as the user typed it."""
    return _originals.get(override, override)


def read(path: str | Path) -> Any:
    """The content of a YAML file.

    Raises:
        ConfigError: there is no such file, or it is no YAML.
    """
    path = Path(path).expanduser()
    try:
        return OmegaConf.load(path)
    except OSError as error:
        fix = "the path of a YAML file, or the name of an option"
        raise ConfigError("there is no such file", got=path, fix=fix) from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path} cannot be read", got=" ".join(str(error).split())) from error


def _with_file(text: str, groups: Sequence[str]) -> str:
    found = FILE.match(text)
    if found is None or found["group"] not in groups:
        return text
    files = [part.strip().strip("'\"") for part in found["files"].split(",")]
    override = f"{found['group']}={','.join(_option(found['group'], file) for file in files)}"
    _originals[override] = text
    return override


def _option(group: str, file: str) -> str:
    """The name of an option that holds the content of a file, made if it is not there."""
    if not file.endswith((".yaml", ".yml")):
        return file
    content, store = read(file), ConfigStore.instance()
    package = _package(Path(file).expanduser())
    stem = re.sub(r"\W", "_", Path(file).stem)
    name, count = stem, 1
    while (known := store.repo.get(group, {}).get(f"{name}.yaml")) is not None or _taken(group, name):
        if known is not None and (known.node, known.package) == (content, package):
            return name
        count += 1
        name = f"{stem}_{count}"
    store.store(group=group, name=name, node=content, package=package, provider=file)
    return name


def _package(file: Path) -> str | None:
    found = PACKAGE.search(file.read_text(encoding="utf-8"))
    return found and found[1]


def _taken(group: str, name: str) -> bool:
    """Whether an installed YAML has this name."""
    if not GlobalHydra.instance().is_initialized():
        return False
    return name in GlobalHydra.instance().config_loader().get_group_options(group)
