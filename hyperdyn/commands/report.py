"""`hyperdyn report`: one page about one run, or several side by side."""

from __future__ import annotations

from omegaconf import DictConfig

from hyperdyn.commands.runs import folders
from hyperdyn.report.writer import write_report


def run(cfg: DictConfig) -> None:
    """Write report.html into the first run's folder and say where it is."""
    first, *beside = folders(cfg.runs)
    print(f"open {write_report(first, beside=beside)}")
