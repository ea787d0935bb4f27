"""The one trained model that a command was pointed at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hyperdyn import build
from hyperdyn.commands.runs import trained
from hyperdyn.errors import ConfigError
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.pretrained import is_pretrained, load_pretrained, read_about


@dataclass(frozen=True)
class TrainedModel:
    """A model in evaluation mode, and what is known of its family without building it.

    path: its folder. names: what the family calls the entries of an observation, none or all. dt: seconds from one
    action to the next. trust: packages that it needed to be loaded.
    """

    path: Path
    model: AbstractDynamics
    method: str
    family: str
    names: tuple[str, ...] = ()
    dt: float | None = None
    trust: tuple[str, ...] = ()

    @property
    def entries(self) -> tuple[str, ...]:
        """What to call each of the S entries."""
        return self.names or tuple(f"entry {i}" for i in range(self.model.spec.obs_dim))


def trained_model(run: str, checkpoint: str, trust: Sequence[str]) -> TrainedModel:
    """The model of a run folder, of a file in its checkpoints/, or of a folder that `save_pretrained` wrote.

    Raises:
        CheckpointError, HyperdynError: no such folder, or no such checkpoint in it.
        ConfigError: a pattern that matches several.
    """
    if run.endswith(".ckpt"):
        run, checkpoint = str(Path(run).parent.parent), Path(run).name
    if is_pretrained(run):
        model, about = load_pretrained(run, trust=trust), read_about(run)
        family = str((model.recipe or {})["family"])
        names = tuple(about.get("entries") or ())
        return TrainedModel(
            Path(run), model, about.get("method") or family, family, names, about.get("dt"), tuple(trust)
        )
    found = list(trained(run, checkpoint, trust))
    if len(found) > 1:
        raise ConfigError("one run at a time", got=", ".join(str(r.path) for r in found), fix="name one folder")
    (one,) = found
    env = build.plain(one.cfg.env)
    names, dt = tuple(env.get("entries") or ()), float(env["dt"])
    return TrainedModel(one.path, one.model, str(one.cfg.method), env["name"], names, dt, tuple(trust))
