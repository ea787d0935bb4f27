"""One system's log, adapted to: the folder that holds what came of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from omegaconf import DictConfig

from hyperdyn.commands.models import TrainedModel
from hyperdyn.deploy.errors import ExportError
from hyperdyn.deploy.plain import PlainExpert
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate import log as evaluation
from hyperdyn.evaluate.log import HeldOut, LogScore
from hyperdyn.figures.log import log_adaptation
from hyperdyn.figures.rollouts import Rollout, busiest_entries, rollout_figure
from hyperdyn.figures.style import save
from hyperdyn.files import write_whole
from hyperdyn.logs.episodes import Episode
from hyperdyn.logs.reading import MINARI
from hyperdyn.report.console import print_tables
from hyperdyn.report.log import log_table, units_table, write_log_report

Array = NDArray[np.floating]
SCORES = "scores.json"


@dataclass(frozen=True)
class Adapted:
    """A system's episodes in two, those to adapt to and those to judge on, and the folder for report and expert.

    called: in titles. log: the file or dataset that they are from.
    """

    called: str
    log: str
    episodes: Sequence[Episode]
    held_out: HeldOut
    folder: Path

    def write(
        self, trained: TrainedModel, history: int, figures: DictConfig, command: str, table: bool = True
    ) -> list[LogScore]:
        """Adapt and judge, write all of it, and say so; the scores at K = 0 up to `history`.

        figures: how many `windows` and `entries` they show. command: that makes it again. table: print that too.
        """
        log, name = self.held_out, self.called
        predicted = {k: evaluation.predictions(trained.model, log, k) for k in evaluation.history_sizes(history)}
        scores = [evaluation.score(log, k, p) for k, p in predicted.items()]
        warnings = _warnings(trained, self.episodes, scores)
        tables = [
            log_table(scores, len(log.where), len(self.episodes)),
            units_table(scores[0], scores[-1], trained.entries),
        ]
        self._save(scores)
        saved = self._save_expert(trained, history)
        ends = {f"K = {k}": predicted[k][0].numpy() for k in sorted({0, history})}
        rollouts = _rollouts(log, ends, figures.windows)
        shown = busiest_entries(log.query.next_obs[0].numpy(), figures.entries, trained.model.spec.drop)
        heading = f"{name}: predicted from each first observation, against recorded"
        drawn = rollout_figure(rollouts, shown, [trained.entries[i] for i in shown], trained.dt or 1.0, heading)
        adaptation = log_adaptation(scores, f"{trained.method} adapting to {name}")
        report = write_log_report(
            self.folder,
            title=f"{trained.method} adapted to {name}",
            tables=tables,
            scores=scores,
            warnings=warnings,
            figures=[
                save(adaptation, self.folder / "figures" / "adaptation.png"),
                save(drawn, self.folder / "figures" / "predicted_against_recorded.png"),
            ],
            command=command,
        )
        if table:
            print_tables(tables[:1])
        for line in [*(f"note: {warning}" for warning in warnings), saved, f"open {report}"]:
            print(line if table else f"{name}: {line}")
        return scores

    def _save(self, scores: Sequence[LogScore]) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        content = {"log": _identity(self.log), "scores": [asdict(s) for s in scores]}
        write_whole(self.folder / SCORES, (json.dumps(content) + "\n").encode())

    def _save_expert(self, trained: TrainedModel, history: int) -> str:
        """Write the expert where it can be written as plain numbers; what to say of it."""
        expert = evaluation.expert_of(trained.model, self.held_out.context(history))
        try:
            plain = PlainExpert.of(expert)
        except ExportError:
            return f"no expert saved: that of {trained.method} is more than one plain network; see hyperdyn export"
        about = {"method": trained.method, "family": trained.family, "entries": list(trained.entries), "dt": trained.dt}
        weights, _ = plain.save(self.folder / "expert", **about, history=history, log=self.log)
        return f"expert: {weights}"


def check_free(folder: Path, log: str) -> None:
    """Raises ConfigError where a folder holds what came of another log than this one."""
    file = folder / SCORES
    if not file.exists():
        return
    other = json.loads(file.read_text(encoding="utf-8")).get("log")
    if _identity(str(other)) != _identity(log):
        raise ConfigError(
            f"'{folder}' holds what came of another log", got=other, expected=log, fix="out=FOLDER, or delete it"
        )


def _identity(log: str) -> str:
    """The same for the same log, whatever the current folder."""
    return log if log.startswith(MINARI) else str(Path(log).resolve())


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
