"""Why a configuration does not compose, in words that help: the override at fault and the nearest valid one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import get_close_matches

import hydra
from hydra.core.config_loader import ConfigLoader
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException, OverrideParseException
from omegaconf import DictConfig, OmegaConf

from hyperdyn.errors import ConfigError, nearest

GROUPS = ("env", "behaviour", "data", "model", "planner", "callbacks", "trainer", "experiment", "suite", "debug")
"""The folders of conf/, in the order in which they are shown."""


def explain(error: Exception, name: str, overrides: Sequence[str]) -> ConfigError:
    """The error to show for one that Hydra raised while it composed conf/<name>.yaml, inside its session."""
    parsed = []
    for text in overrides:
        try:
            parsed += OverridesParser.create().parse_overrides([text])
        except OverrideParseException:
            return _unreadable(text)
    loader = GlobalHydra.instance().config_loader()
    own = [override for override in parsed if _group(override).startswith("hydra")]
    chosen: list[Override] = []
    keys: list[Override] = []
    for override in (o for o in parsed if o not in own):
        is_group = loader.get_group_options(_group(override), overrides=list(overrides))
        (chosen if is_group else keys).append(override)
    for override in parsed:
        if override.is_sweep_override():
            return ConfigError("several values are a sweep", got=override.input_line, fix="add --multirun")
    for override in chosen:
        if fault := _option_fault(loader, override, overrides):
            return fault
    base = _compose(name, own + chosen)
    if base is None:
        plain = _compose(name, own)
        faults = [_group_fault(plain, override, name) for override in chosen] if plain is not None else []
        return next((fault for fault in faults if fault), _shortened(error))
    for override in keys:
        if fault := _key_fault(base, override):
            return fault
    return _shortened(error)


def options(group: str, overrides: Sequence[str] = ()) -> list[str]:
    """The options of a group, inside a session; packages on Hydra's search path included."""
    return list(GlobalHydra.instance().config_loader().get_group_options(group, overrides=list(overrides)))


def _group(override: Override) -> str:
    return str(override.key_or_group)


def _compose(name: str, overrides: Sequence[Override]) -> DictConfig | None:
    try:
        return hydra.compose(name, [str(o.input_line) for o in overrides], return_hydra_config=True)
    except (HydraException, ValueError):
        return None


def _unreadable(text: str) -> ConfigError:
    if "=" in text:
        fix = f"quote a value with spaces, commas or brackets: '{text.split('=')[0]}=\"...\"'"
    else:
        fix = "write KEY=VALUE, as in env=cheetah_mix or seed=1"
    return ConfigError("cannot read an override", got=text, expected="KEY=VALUE", fix=fix)


def _option_fault(loader: ConfigLoader, override: Override, overrides: Sequence[str]) -> ConfigError | None:
    valid = loader.get_group_options(_group(override), overrides=list(overrides))
    wanted = override.value()
    for option in wanted if isinstance(wanted, list) else [wanted]:
        if option is not None and str(option) not in valid:
            what = f"group '{_group(override)}' has no option '{option}'"
            return ConfigError(what, got=override.input_line, fix=nearest(str(option), valid))
    return None


def _group_fault(base: DictConfig, override: Override, name: str) -> ConfigError | None:
    taken = [group for group in base.hydra.runtime.choices if not group.startswith("hydra/")]
    if _group(override) in taken or override.is_add():
        return None
    what = f"'{name}' does not take the group '{_group(override)}'"
    return ConfigError(what, got=override.input_line, fix=nearest(_group(override), taken))


def _key_fault(base: DictConfig, override: Override) -> ConfigError | None:
    key = _group(override)
    if override.is_force_add():
        return None
    exists = _exists(base, key)
    if override.is_add():
        what = f"'{key}' exists already"
        return ConfigError(what, got=override.input_line, fix=f"leave out the +: {key}=...") if exists else None
    if exists:
        return None
    names = [path for path in _paths(base) if not path.startswith("hydra")]
    parent, _, last = key.rpartition(".")
    beside = [p.rpartition(".")[2] for p in names if p.rpartition(".")[0] == parent]
    close = get_close_matches(last, beside, n=1, cutoff=0.6)
    same = [p for p in names if p.rpartition(".")[2] == last]
    similar = get_close_matches(key, names, n=1, cutoff=0.6)
    best = [f"{parent}.{close[0]}" if parent else close[0]] if close else same[:1] or similar
    hint = f"did you mean '{best[0]}'? " if best else ""
    where = f"in '{parent}' there are" if parent and beside else "there are"
    listed = ", ".join(sorted(beside or [p for p in names if "." not in p]))
    return ConfigError(f"there is no key '{key}'", got=override.input_line, fix=f"{hint}{where}: {listed}")


def _exists(base: DictConfig, key: str) -> bool:
    parent, _, last = key.rpartition(".")
    node = OmegaConf.select(base, parent, throw_on_missing=False) if parent else base
    return OmegaConf.is_list(node) or (
        OmegaConf.is_dict(node) and last in list(node)
    )  # of the node itself, `in` is false for ???


def _paths(node: DictConfig, prefix: str = "") -> Iterator[str]:
    for key in map(str, node):
        if key.startswith("_"):
            continue
        yield f"{prefix}{key}"
        if OmegaConf.is_missing(node, key) or OmegaConf.is_interpolation(node, key):
            continue
        if OmegaConf.is_dict(node[key]):
            yield from _paths(node[key], f"{prefix}{key}.")


def _shortened(error: Exception) -> ConfigError:
    lines = [line for line in str(error).splitlines() if line.strip()]
    return ConfigError("the configuration does not compose", got="\n            ".join(lines[:4]))
