"""`hyperdyn adapt`: a robot's own log becomes context; out come an expert and how well it predicts the rest."""

from __future__ import annotations

import shlex
from pathlib import Path

from omegaconf import DictConfig

from hyperdyn import build
from hyperdyn.commands.adapted import Adapted, check_free
from hyperdyn.commands.models import TrainedModel, trained_model
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate import log as evaluation
from hyperdyn.logs.columns import Columns
from hyperdyn.logs.episodes import Episode
from hyperdyn.logs.reading import MINARI, read_log
from hyperdyn.logs.systems import by_system, of_system
from hyperdyn.report.console import print_tables
from hyperdyn.report.log import systems_table


def run(cfg: DictConfig) -> None:
    """Adapt to the beginning of a log, judge on the rest, write the report and the expert, print the table.

    A log that names several systems is as many logs, a folder each.

    Raises:
        LogError: a log that does not fit, see `read_log`.
        ConfigError: a method that is told what no log tells; a history or a horizon that cannot be; a folder that holds
            what came of another log.
    """
    if cfg.history < 0 or min(cfg.horizon, cfg.windows, cfg.figures.windows, cfg.figures.entries) < 1:
        raise ConfigError(
            "windows that cannot be",
            got=f"history={cfg.history} horizon={cfg.horizon} windows={cfg.windows} figures={dict(cfg.figures)}",
            expected="a history of 0 or more, everything else 1 or more",
        )
    trained = trained_model(cfg.run, cfg.checkpoint, cfg.trust)
    found = _adapted(trained, read_episodes(trained, cfg.log, cfg.columns), cfg)
    for one in found:
        check_free(one.folder, cfg.log)
    command = f"hyperdyn adapt {shlex.join(cfg.overrides)}"
    if len(found) == 1:
        found[0].write(trained, cfg.history, cfg.figures, command)
        return
    print(f"{cfg.log} is of {len(found)} systems, and each is adapted to on its own; system=NAME chooses one")
    scores = {
        one.called: one.write(trained, cfg.history, cfg.figures, f"{command} system={one.called}", table=False)
        for one in found
    }
    print_tables([systems_table(scores)])


def read_episodes(trained: TrainedModel, log: str, columns: DictConfig) -> list[Episode]:
    """The episodes of a log, as a model needs them.

    Raises:
        ConfigError: the method is told the true factors, which no log tells.
    """
    if trained.model.privileged:
        raise ConfigError(
            f"{trained.method} is told the true factors, and a log does not tell them", fix="choose another run"
        )
    chosen = Columns(**build.plain(columns))
    return read_log(log, trained.model.spec, chosen, trained.names, trained.dt)


def _adapted(trained: TrainedModel, episodes: list[Episode], cfg: DictConfig) -> list[Adapted]:
    """What is to be adapted to, one of each system: all before the first is, so that no fault is found late."""
    systems = by_system(episodes)
    several = len(systems) > 1
    if cfg.system is not None:
        systems = {cfg.system: of_system(episodes, cfg.system)}
    name = _name(cfg.log)
    out = Path(cfg.out) if cfg.out else trained.path / "adapted" / name
    found = []
    for system, own in systems.items():
        called = system if several else name
        held_out = evaluation.hold_out(
            own, cfg.history, cfg.horizon, cfg.windows, f"system {system}" if several else "the log"
        )
        found.append(Adapted(called, str(cfg.log), own, held_out, out / system if several else out))
    return found


def _name(log: str) -> str:
    """Of the folder for a log: my_log.csv, and cheetah-mix-v0 for minari:cheetah/mix-v0."""
    if log.startswith(MINARI):
        return log.removeprefix(MINARI).replace("/", "-")
    return Path(log).resolve().name
