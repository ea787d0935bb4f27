"""A run's metrics.csv: one file of all its parts."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any, final

from lightning.pytorch.loggers import Logger
from lightning.pytorch.loggers.csv_logs import ExperimentWriter
from lightning.pytorch.utilities import rank_zero_only

METRICS = "metrics.csv"


@final
class RunLog(Logger):
    """Adds a row to run/metrics.csv whenever something is logged; those of an earlier part of the run stay.

    step: up to this one; 0 keeps none. The file is as it was until the first row: Lightning's CSVLogger deletes it
    before the data are read, and whether they can be.
    """

    name = version = ""

    def __init__(self, run: Path, step: int) -> None:
        super().__init__()
        self._run, self._step = run, step
        self._writer: ExperimentWriter | None = None

    @rank_zero_only
    def log_metrics(self, metrics: dict[str, float], step: int | None = None) -> None:
        writer = self._begun()
        writer.log_metrics(metrics, step)
        writer.save()

    @rank_zero_only
    def finalize(self, status: str) -> None:
        if status == "success":
            self._begun().save()  # of a run that was whole already, where nothing was logged

    def log_hyperparams(self, *args: Any, **kwargs: Any) -> None:
        """Nothing: config.yaml holds them."""

    def _begun(self) -> ExperimentWriter:
        if self._writer is None:
            kept = [row for row in _rows(self._run / METRICS) if int(row["step"]) < self._step]
            self._writer = ExperimentWriter(str(self._run))  # deletes the file
            for row in kept:
                self._writer.log_metrics({k: v for k, v in row.items() if k != "step"}, int(row["step"]))  # type: ignore[misc]
        return self._writer


def _rows(file: Path) -> list[dict[str, str]]:
    """The whole rows of a metrics.csv, without empty cells: a kill may have left the last one torn."""
    if not file.is_file():
        return []
    lines = file.read_text().splitlines(keepends=True)
    whole = [line for line in lines if line.endswith("\n")]
    return [
        {k: v for k, v in row.items() if k and v} for row in csv.DictReader(whole) if (row.get("step") or "").isdigit()
    ]
