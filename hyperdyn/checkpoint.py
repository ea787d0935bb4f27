"""Reading what a run left, without ever running code from it."""

from __future__ import annotations

import pickle
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from hyperdyn import build
from hyperdyn.errors import CheckpointError
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.module import CHECKPOINT_VERSION

CHECKPOINTS = "checkpoints"
LAST = "last.ckpt"


def load(run: str | Path, *, trust: Sequence[str] = ()) -> AbstractDynamics:
    """The trained method of a run folder or of a .ckpt file, on the CPU, in evaluation mode.

    Weights are read as tensors only and classes are taken from hyperdyn alone, so that a file from elsewhere cannot run
    code. Name further packages whose classes may be built in `trust`.

    Raises:
        CheckpointError: no such file, not one of ours, or of a newer version.
    """
    path = Path(run)
    path = path / CHECKPOINTS / LAST if path.is_dir() else path
    checkpoint = read_checkpoint(path)
    recipe = checkpoint["hyperdyn"]
    for target in _targets(recipe["model"]):
        _check_trust(target, ("hyperdyn", *trust), path)
    model = build.model(recipe)
    weights = {k.removeprefix("model."): v for k, v in checkpoint["state_dict"].items() if k.startswith("model.")}
    _check_fit(model.state_dict(), weights, path)
    model.load_state_dict(weights)
    return model.eval()


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """The content of a checkpoint that hyperdyn wrote: tensors and plain containers only."""
    path = Path(path)
    if not path.is_file():
        raise CheckpointError("there is no checkpoint", got=path, fix="train first: hyperdyn train name=...")
    try:
        checkpoint = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise CheckpointError(
            f"cannot read {path}", got=str(error).splitlines()[0], expected="a checkpoint that hyperdyn wrote"
        ) from error
    if not isinstance(checkpoint, dict) or "hyperdyn" not in checkpoint:
        raise CheckpointError(f"{path} was not written by hyperdyn", expected="a checkpoint of `hyperdyn train`")
    version = checkpoint["hyperdyn"].get("version")
    if version != CHECKPOINT_VERSION:
        raise CheckpointError(
            f"{path} is of another version",
            got=version,
            expected=CHECKPOINT_VERSION,
            fix="use the hyperdyn it came from",
        )
    return checkpoint


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


def _check_fit(own: Mapping[str, Tensor], given: Mapping[str, Tensor], path: Path) -> None:
    wrong = [k for k in own if k not in given or own[k].shape != given[k].shape] + [k for k in given if k not in own]
    if wrong:
        raise CheckpointError(
            f"the weights in {path} do not fit the model it describes",
            got=f"{len(wrong)} entries that differ, first '{wrong[0]}'",
            fix="use the checkpoint and the hyperdyn version that belong together",
        )
