"""`hyperdyn adapt`: a robot's own log becomes context; out come an expert and how well it predicts the rest."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from hyperdyn import build
from hyperdyn.commands.models import TrainedModel, trained_model
from hyperdyn.deploy.errors import ExportError
from hyperdyn.deploy.plain import PlainExpert
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate import log as evaluation
from hyperdyn.evaluate.log import HeldOut, LogScore
from hyperdyn.figures.log import log_adaptation
from hyperdyn.figures.rollouts import Rollout, busiest_entries, rollout_figure
from hyperdyn.figures.style import save
from hyperdyn.logs.columns import Columns
from hyperdyn.logs.episodes import Episode
from hyperdyn.logs.reading import read_log
from hyperdyn.report.console import print_tables
from hyperdyn.report.log import log_table, units_table, write_log_report

Array = NDArray[np.floating]


def run(cfg: DictConfig) -> None:
    """Adapt to the beginning of a log, judge on the rest, write the report and the expert, print the table.

    Raises:
        LogError: a log that does not fit, see `read_log`.
        ConfigError: a method that is told what no log tells; a history or a horizon that cannot be.
    """
    if cfg.history < 0 or min(cfg.horizon, cfg.windows, cfg.figures.windows, cfg.figures.entries) < 1:
        raise ConfigError(
            "windows that cannot be",
            got=f"history={cfg.history} horizon={cfg.horizon} windows={cfg.windows} figures={dict(cfg.figures)}",
            expected="a history of 0 or more, everything else 1 or more",
        )
    trained = trained_model(cfg.run, cfg.checkpoint, cfg.trust)
    episodes = read_episodes(trained, cfg.log, cfg.columns)
    log = evaluation.hold_out(episodes, cfg.history, cfg.horizon, cfg.windows)
    name = Path(cfg.log).stem.removeprefix("minari:")
    out = Path(cfg.out) if cfg.out else trained.path / "adapted" / name
    predicted = {k: evaluation.predictions(trained.model, log, k) for k in evaluation.history_sizes(cfg.history)}
    scores = [evaluation.score(log, k, p) for k, p in predicted.items()]
    warnings = _warnings(trained, episodes, scores)
    tables = [log_table(scores, len(log.where), len(episodes)), units_table(scores[0], scores[-1], trained.entries)]
    ends = {f"K = {k}": predicted[k][0].numpy() for k in sorted({0, cfg.history})}
    _save(out, scores, cfg)
    saved = _save_expert(out, trained, log, cfg)
    rollouts = _rollouts(log, ends, cfg.figures.windows)
    shown = busiest_entries(log.query.next_obs[0].numpy(), cfg.figures.entries, trained.model.spec.drop)
    heading = f"{name}: predicted from each first observation, against recorded"
    drawn = rollout_figure(rollouts, shown, [trained.entries[i] for i in shown], trained.dt or 1.0, heading)
    figures = [
        save(log_adaptation(scores, f"{trained.method} adapting to {name}"), out / "figures" / "adaptation.png"),
        save(drawn, out / "figures" / "predicted_against_recorded.png"),
    ]
    report = write_log_report(
        out,
        title=f"{trained.method} adapted to {name}",
        tables=tables,
        scores=scores,
        warnings=warnings,
        figures=figures,
        command=f"hyperdyn adapt {shlex.join(cfg.overrides)}",
    )
    print_tables(tables[:1])
    for warning in warnings:
        print(f"note: {warning}")
    print(saved)
    print(f"open {report}")


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


def _save(out: Path, scores: Sequence[LogScore], cfg: DictConfig) -> None:
    out.mkdir(parents=True, exist_ok=True)
    content = {"log": str(cfg.log), "scores": [asdict(s) for s in scores]}
    (out / "scores.json").write_text(json.dumps(content) + "\n", encoding="utf-8")


def _save_expert(out: Path, trained: TrainedModel, log: HeldOut, cfg: DictConfig) -> str:
    """Write the expert where it can be written as plain numbers; what to say of it."""
    expert = evaluation.expert_of(trained.model, log.context(cfg.history))
    try:
        plain = PlainExpert.of(expert)
    except ExportError:
        return f"no expert saved: that of {trained.method} is more than one plain network; see hyperdyn export"
    about = {"method": trained.method, "family": trained.family, "entries": list(trained.entries), "dt": trained.dt}
    weights, _ = plain.save(out / "expert", **about, history=cfg.history, log=str(cfg.log))
    return f"expert: {weights}"


def _rollouts(log: HeldOut, predicted: dict[str, Array], count: int) -> list[Rollout]:
    """Some windows, spread over the log."""
    N = len(log.where)
    found = []
    for n in sorted({round(i * (N - 1) / max(1, count - 1)) for i in range(count)}):
        episode, t = log.where[n]
        true = np.concatenate([log.query.obs[0, n, :1].numpy(), log.query.next_obs[0, n].numpy()])
        found.append(Rollout(f"episode {episode}, from step {t}", true, {k: p[n] for k, p in predicted.items()}))
    return found


def _warnings(trained: TrainedModel, episodes: Sequence[Episode], scores: Sequence[LogScore]) -> list[str]:
    """What speaks against believing the numbers."""
    found = []
    unlike = evaluation.unusual_inputs(trained.model, evaluation.transitions(episodes), trained.entries)
    if unlike:
        names = ", ".join(f"{name} ({value:.0f})" for name, value in unlike)
        found.append(f"far from training, in its standard deviations: {names}; another unit, or another robot?")
    if len(scores) > 1 and scores[-1].nrmse[0] >= scores[0].nrmse[0]:
        found.append(
            "adapting did not help one step ahead: the log is unlike training, or there is nothing to identify"
        )
    if scores[-1].nrmse[0] >= 1:
        found.append("worse than predicting the mean change: do not plan with this expert")
    return found
