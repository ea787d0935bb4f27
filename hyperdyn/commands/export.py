"""`hyperdyn export`: files that run without hyperdyn."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import torch
from omegaconf import DictConfig

from hyperdyn.commands.adapt import read_episodes
from hyperdyn.commands.models import TrainedModel, trained_model
from hyperdyn.deploy.errors import ExportError
from hyperdyn.deploy.exporting import Exported, export_expert, export_model, export_plain
from hyperdyn.errors import ConfigError, nearest
from hyperdyn.evaluate.log import expert_of, hold_out
from hyperdyn.logs.systems import of_system
from hyperdyn.pretrained import WEIGHTS, load_pretrained, save_pretrained
from hyperdyn.types import Context, Expert

PARTS = {"expert": ("plain", "pt2", "onnx"), "model": ("pretrained", "pt2", "onnx")}
FORMATS = ("plain", "pt2", "onnx", "pretrained")


def run(cfg: DictConfig) -> None:
    """Write what was asked for, or all that can be; each file only if it does what the model does.

    Raises:
        ExportError, ConfigError: what was asked for cannot be written.
        ParityError: a file differs from the model.
    """
    for name, valid in (("parts", PARTS), ("formats", FORMATS)):
        for given in cfg[name] or ():
            if given not in valid:
                raise ConfigError(f"no such thing in {name}", got=given, fix=nearest(given, valid))
    trained = trained_model(cfg.run, cfg.checkpoint, cfg.trust)
    folder = Path(cfg.out)
    found: list[Exported] = []
    for name, export in _jobs(cfg, trained, folder):
        try:
            found.append(export())
        except (ExportError, ConfigError) as error:
            if cfg.formats and (cfg.parts or isinstance(error, ConfigError)):  # asked for by name
                raise
            print(f"left out: {name}: {_line(error)}")
        else:
            last = found[-1]
            fixed = "".join(f", {letter} = {n}" for letter, n in last.fixed.items())
            print(f"{last.path}: within {last.difference:.1e} of the model{fixed}")
    content = {
        e.path.name: {"difference": e.difference, "fixed": dict(e.fixed), "bytes": e.path.stat().st_size} for e in found
    }
    if not found:
        together = "; ".join(f"parts=[{part}] with formats=[{','.join(kinds)}]" for part, kinds in PARTS.items())
        raise ExportError(
            "nothing could be exported", got=f"parts={cfg.parts} formats={cfg.formats}", expected=together
        )
    about = {"run": str(trained.path), "method": trained.method, "family": trained.family, "files": content}
    (folder / "export.json").write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")


def _jobs(cfg: DictConfig, trained: TrainedModel, folder: Path) -> Iterator[tuple[str, Callable[[], Exported]]]:
    """Each file to write: what it is, and how."""
    about = {"method": trained.method, "family": trained.family, "entries": list(trained.names), "dt": trained.dt}

    @cache
    def expert() -> Expert:
        return _expert(cfg, trained)

    def as_expert(kind: str) -> Exported:
        if kind == "plain":
            return export_plain(expert(), folder, cfg.tolerance, **about)
        return export_expert(expert(), kind, folder, cfg.tolerance)

    def as_model(kind: str) -> Exported:
        if kind == "pretrained":
            return _pretrained(trained, folder / "pretrained", about)
        return export_model(trained.model, kind, folder, cfg.tolerance, cfg.history)

    for part, write in (("expert", as_expert), ("model", as_model)):
        for kind in PARTS[part]:
            if part in (cfg.parts or PARTS) and kind in (cfg.formats or FORMATS):
                yield f"{part} as {kind}", partial(write, kind)


def _pretrained(trained: TrainedModel, folder: Path, about: Mapping[str, Any]) -> Exported:
    """The model for `hyperdyn.load`, loaded again: its tensors are the same, bit for bit."""
    save_pretrained(trained.model, folder, **about)
    again, own = load_pretrained(folder, trust=trained.trust).state_dict(), trained.model.state_dict()
    assert all(torch.equal(again[name], value.cpu()) for name, value in own.items())
    return Exported(folder / WEIGHTS, 0.0, {})


def _expert(cfg: DictConfig, trained: TrainedModel) -> Expert:
    """Of the log's first transitions, or the prior's."""
    if cfg.log is None:
        return expert_of(trained.model, Context.empty(1, trained.model.spec))
    episodes = of_system(read_episodes(trained, cfg.log, cfg.columns), cfg.system)
    known = hold_out(episodes, cfg.history, 1, 1)
    return expert_of(trained.model, known.context(cfg.history))


def _line(error: Exception) -> str:
    return " ".join(line.strip() for line in str(error).splitlines())
