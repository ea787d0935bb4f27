"""Reading what a run left, without ever running code from it."""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from hyperdyn import build
from hyperdyn.errors import CheckpointError
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.module import CHECKPOINT_VERSION
from hyperdyn.pretrained import is_pretrained, load_pretrained
from hyperdyn.trust import check_fit, check_recipe

CHECKPOINTS = "checkpoints"
LAST = "last.ckpt"
DIVERGED = "diverged.txt"
"""File of a run whose training ended because its loss was no number any more; it says when."""


def load(run: str | Path, *, trust: Sequence[str] = ()) -> AbstractDynamics:
    """The trained method of a run folder, of a .ckpt file or of a folder that `save_pretrained` wrote, on the CPU, in
    evaluation mode.

    Weights are read as tensors only and classes are taken from hyperdyn alone, so that a file from elsewhere cannot run
    code. Name further packages whose classes may be built in `trust`.

        >>> import hyperdyn
        >>> model = hyperdyn.load("runs/pendulum-hyper")
        >>> model.executed_sizes
        (4, 128, 128, 3)

    Raises:
        CheckpointError: no such file, not one of ours, or of a newer version.
    """
    path = Path(run)
    if is_pretrained(path):
        return load_pretrained(path, trust=trust)
    path = path / CHECKPOINTS / LAST if path.is_dir() else path
    checkpoint = read_checkpoint(path)
    recipe = checkpoint["hyperdyn"]
    check_recipe(recipe["model"], trust, path)
    model = build.model(recipe)
    weights = {k.removeprefix("model."): v for k, v in checkpoint["state_dict"].items() if k.startswith("model.")}
    check_fit(model.state_dict(), weights, path)
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
