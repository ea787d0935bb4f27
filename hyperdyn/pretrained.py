"""A whole model as a folder of weights and plain text, to keep, to send and to publish; nothing in it can run code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
from safetensors import SafetensorError

from hyperdyn import build
from hyperdyn.errors import CheckpointError
from hyperdyn.files import write_whole
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.trust import check_fit, check_recipe

FORMAT = 2
CONFIG, WEIGHTS = "config.json", "model.safetensors"
RECIPE = ("family", "state", "model")


def save_pretrained(model: AbstractDynamics, folder: str | Path, **about: Any) -> Path:
    """Write a model, built by `hyperdyn.load` or by training, as model.safetensors and config.json; the folder.

    about: plain values to keep beside it, as of `read_about`.

        >>> import hyperdyn
        >>> folder = hyperdyn.save_pretrained(hyperdyn.load("runs/pendulum-hyper"), "my_model", dt=0.05)
        >>> sorted(path.name for path in folder.iterdir())
        ['config.json', 'model.safetensors']
        >>> same = hyperdyn.load("my_model")

    Raises:
        CheckpointError: a model that was built by hand, without a recipe.
    """
    if model.recipe is None:
        raise CheckpointError(
            "this model does not know what it was built from",
            got=type(model).__name__,
            expected="a model of hyperdyn.load, hyperdyn.train or build.model",
        )
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    tensors = {name: value.detach().cpu().contiguous() for name, value in model.state_dict().items()}
    weights = safetensors.torch.save(tensors, metadata={"format": "pt"})
    config = {
        "hyperdyn_format": FORMAT,
        "sha256": {WEIGHTS: hashlib.sha256(weights).hexdigest()},
        **{name: model.recipe[name] for name in RECIPE},
        "about": about,
    }
    text = json.dumps(config, indent=1, allow_nan=False) + "\n"
    write_whole(folder / WEIGHTS, weights)
    write_whole(folder / CONFIG, text.encode())
    return folder


def load_pretrained(folder: str | Path, *, trust: Sequence[str] = ()) -> AbstractDynamics:
    """The model that `save_pretrained` wrote, on the CPU, in evaluation mode.

    As `hyperdyn.load`, it builds classes of hyperdyn alone, and of the packages named in `trust`.

    Raises:
        CheckpointError: no such folder, a damaged file, or one that does not belong to the other.
    """
    folder = Path(folder)
    config = read_config(folder)
    path = folder / WEIGHTS
    if not path.is_file():
        raise CheckpointError(f"{folder} holds no weights", expected=WEIGHTS, fix="copy the whole folder")
    content = path.read_bytes()
    found, expected = hashlib.sha256(content).hexdigest(), config["sha256"].get(WEIGHTS)
    if found != expected:
        raise CheckpointError(
            f"{path} is not what was saved", got=f"sha256 {found}", expected=expected, fix="copy or download it anew"
        )
    check_recipe(config["model"], trust, folder / CONFIG)
    recipe = {name: config[name] for name in RECIPE}
    try:
        weights = safetensors.torch.load(content)
    except SafetensorError as error:
        raise CheckpointError(f"cannot read {path}", got=str(error)) from error
    model = build.model(recipe)
    check_fit(model.state_dict(), weights, path)
    model.load_state_dict(weights)
    return model.eval()


def is_pretrained(folder: str | Path) -> bool:
    """Whether `save_pretrained` might have written this folder."""
    return (Path(folder) / CONFIG).is_file() and (Path(folder) / WEIGHTS).is_file()


def read_about(folder: str | Path) -> dict[str, Any]:
    """What `save_pretrained` was told to keep beside the model."""
    about: dict[str, Any] = read_config(Path(folder))["about"]
    return about


def read_config(folder: Path) -> dict[str, Any]:
    """config.json of a pretrained folder.

    Raises:
        CheckpointError: it is missing, or is not one of ours.
    """
    path = folder / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"no model in '{folder}'", got=str(error), fix="hyperdyn export RUN out=DIR formats=[pretrained]"
        ) from error
    if not isinstance(config, dict) or config.get("hyperdyn_format") != FORMAT:
        found = config.get("hyperdyn_format") if isinstance(config, dict) else type(config).__name__
        raise CheckpointError(f"{path} is of another format", got=found, expected=f"hyperdyn_format {FORMAT}")
    wrong = [name for name in (*RECIPE, "sha256", "about") if name not in config]
    if wrong:
        raise CheckpointError(f"{path} is not whole", got=f"no {', '.join(wrong)}")
    return config
