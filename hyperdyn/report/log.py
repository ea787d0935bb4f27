"""What came of adapting to a log: tables, and one page with the figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from hyperdyn.evaluate.log import LogScore
from hyperdyn.report import page
from hyperdyn.report.table import Table
from hyperdyn.report.writer import REPORT


def log_table(scores: Sequence[LogScore], windows: int, episodes: int) -> Table:
    """NRMSE one and H steps ahead for each K, and its share of that without adapting."""
    horizon = len(scores[0].nrmse)
    ahead = sorted({1, horizon})
    rows = tuple(
        (f"K = {s.history}", *(f"{s.nrmse[h - 1]:.3f}" for h in ahead), *(_share(s, scores[0], h) for h in ahead))
        for s in scores
    )
    steps = ["1 step" if h == 1 else f"{h} steps" for h in ahead]
    columns = ("NRMSE on the rest of the log", *steps, *(f"{step}, of K = {scores[0].history}" for step in steps))
    note = (
        f"{windows} windows of {horizon} steps (they overlap) in {episodes} episodes of one system;"
        " 1 is the error of predicting the mean change"
    )
    return Table("Predicted against recorded", columns, rows, note)


def units_table(first: LogScore, last: LogScore, names: Sequence[str]) -> Table:
    """RMSE of each entry in its own unit, without and with adapting."""
    ahead = sorted({1, len(first.nrmse)})
    columns = ["RMSE"]
    columns += [f"K = {s.history}: {'1 step' if h == 1 else f'{h} steps'}" for h in ahead for s in (first, last)]
    rows = tuple(
        (name, *(f"{s.rmse[h - 1][i]:.3g}" for h in ahead for s in (first, last))) for i, name in enumerate(names)
    )
    return Table("In physical units", tuple(columns), rows)


def systems_table(found: Mapping[str, Sequence[LogScore]]) -> Table:
    """NRMSE without and with adapting, of each system of a log."""
    first = next(iter(found.values()))
    ahead, ends = sorted({1, len(first[0].nrmse)}), (0, -1)
    columns = ["NRMSE on the rest of the log"]
    columns += [f"{'1 step' if h == 1 else f'{h} steps'}, K = {first[i].history}" for h in ahead for i in ends]
    rows = tuple((name, *(f"{s[i].nrmse[h - 1]:.3f}" for h in ahead for i in ends)) for name, s in found.items())
    return Table("Predicted against recorded", tuple(columns), rows, "each system adapted to on its own")


def write_log_report(
    folder: Path,
    *,
    title: str,
    tables: Sequence[Table],
    scores: Sequence[LogScore],
    warnings: Sequence[str],
    figures: Sequence[Path],
    command: str,
) -> Path:
    """Write report.html; the path of it."""
    first, last = scores[0], scores[-1]
    tiles = [
        (f"{last.nrmse[h - 1]:.3f}", f"NRMSE {'1 step' if h == 1 else f'{h} steps'} ahead, K = {last.history};"
         f" {first.nrmse[h - 1]:.3f} at K = {first.history}")
        for h in sorted({1, len(last.nrmse)})
    ]  # fmt: skip
    content = page.page(
        title,
        f"written {datetime.now():%d %b %Y, %H:%M}",
        [
            ("At a glance", page.tiles(tiles)),
            ("Before you believe it", page.code("\n".join(warnings)) if warnings else ""),
            ("Predicted against recorded", "".join(page.picture(p) for p in figures)),
            ("Results", "".join(page.table(t) for t in tables)),
            ("How to reproduce", page.code(command)),
        ],
    )
    path = folder / REPORT
    path.write_text(content, encoding="utf-8")
    return path


def _share(s: LogScore, reference: LogScore, h: int) -> str:
    return f"{s.nrmse[h - 1] / reference.nrmse[h - 1]:.2f}" if reference.nrmse[h - 1] else "-"
