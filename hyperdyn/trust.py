"""What a file from elsewhere may ask for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from hyperdyn.errors import CheckpointError


def check_recipe(node: Any, trust: Sequence[str], path: Path) -> None:
    """Raises CheckpointError unless every `_target_` in a recipe is a network class of hyperdyn or of `trust`.

    Nor may it refer to anything: what an interpolation becomes is seen only when Hydra has built it.
    """
    for text in _texts(node):
        if "${" in text:
            raise CheckpointError(
                f"{path} describes its model by what is to be looked up",
                got=text,
                expected="values, as `hyperdyn train` writes them",
                fix="do not use it, or ask whoever made it",
            )
    for target in _targets(node):
        _check_trust(target, ("hyperdyn", *trust), path)


def _check_trust(target: str, trusted: Sequence[str], path: Path) -> None:
    """Raises CheckpointError unless the name is that of a network class which a trusted package itself defines.

    The package is asked first, so that nothing else is even imported; then the class, because a module of ours also
    holds names of others.
    """
    package = target.split(".")[0]
    if package in trusted:
        found = _resolve(target)
        if isinstance(found, type) and issubclass(found, nn.Module) and found.__module__.split(".")[0] in trusted:
            return
    raise CheckpointError(
        f"{path} asks for something that is no network class of a trusted package",
        got=target,
        fix=f"if it is a network and you trust it: hyperdyn.load(..., trust=['{package}'])",
    )


def _resolve(target: str) -> object:
    module, _, name = target.rpartition(".")
    try:
        return getattr(import_module(module), name, None)
    except ImportError:
        return None


def _targets(node: Any) -> Iterator[str]:
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield str(node["_target_"])
        node = list(node.values())
    if isinstance(node, Sequence) and not isinstance(node, str):
        for child in node:
            yield from _targets(child)


def _texts(node: Any) -> Iterator[str]:
    if isinstance(node, str):
        yield node
    elif isinstance(node, Mapping):
        yield from _texts([*node.keys(), *node.values()])
    elif isinstance(node, Sequence):
        for child in node:
            yield from _texts(child)


def check_fit(own: Mapping[str, Tensor], given: Mapping[str, Tensor], path: Path) -> None:
    """Raises CheckpointError unless the weights given are those that a model has."""
    wrong = [k for k in own if k not in given or own[k].shape != given[k].shape] + [k for k in given if k not in own]
    if wrong:
        raise CheckpointError(
            f"the weights in {path} do not fit the model",
            got=f"{len(wrong)} entries that differ, first '{wrong[0]}'",
            fix="use the checkpoint, the configuration and the hyperdyn version that belong together",
        )
