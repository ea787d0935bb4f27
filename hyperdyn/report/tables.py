"""The tables of a report, as text: the terminal and the HTML page show the same ones."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from hyperdyn.evaluate import summary
from hyperdyn.evaluate.recovery import ONSET, PHASE, recovery, ways
from hyperdyn.evaluate.results import ChangeScore, PredictionScore, Results
from hyperdyn.evaluate.summary import SPLIT_LABELS, Summary
from hyperdyn.report.numbers import MISSING, best_cells, interval_rows, interval_text, over_text, steps_text, text_of
from hyperdyn.report.planning_tables import planning_tables
from hyperdyn.report.table import Table

USUAL_HISTORY = 16


def tables(results: Results, entries: Sequence[str] = ()) -> list[Table]:
    """Every table that the results have data for; entries name those of an observation."""
    found = planning_tables(results)
    if results.prediction:
        found += [horizon_table(results), *pose_tables(results), adaptation_table(results)]
    found += [uncertainty_table(results, split) for split in summary.splits_of(results.uncertainty)]
    found += change_tables(results)
    if results.methods:
        found.append(cost_table(results))
    if results.prediction:
        found.append(units_table(results, entries))
    return found


def usual_history(results: Results) -> int:
    """The K that tables with one K show."""
    known = summary.histories_of(results.prediction)
    return USUAL_HISTORY if USUAL_HISTORY in known else max(known)


def horizons(results: Results) -> list[int]:
    """The steps ahead that tables show: the first and the last."""
    return sorted({1, max(len(r.per_system[0]) for r in results.prediction)})


def horizon_table(results: Results) -> Table:
    """NRMSE one and many steps ahead on each split, with the usual K."""
    history = usual_history(results)
    splits, methods = summary.splits_of(results.prediction), summary.methods_of(results.prediction)
    keys = [(s, h) for s in splits for h in horizons(results)]
    cells = [[summary.prediction(results, m, s, history, h) for s, h in keys] for m in methods]
    rows = interval_rows(methods, cells, ".3f")
    columns = ("NRMSE", *(f"{SPLIT_LABELS.get(s, s)}: {steps_text(h)}" for s, h in keys))
    note = f"K = {history} transitions of history [95 % interval]; 1 is the error of predicting the mean change"
    return Table("Prediction", columns, rows, note, best_cells(cells, range(len(methods)), largest=False))


def pose_tables(results: Results, contenders: Sequence[str] | None = None) -> list[Table]:
    """Error of an object's pose one step ahead in units, for every K, one table a split; none where no object has one.

    contenders: methods of which the best is marked, all if not given.
    """
    posed = [r for r in results.prediction if r.pose]
    found = []
    for split in summary.splits_of(posed):
        methods, histories = summary.methods_of(posed), summary.histories_of(posed)
        keys = [(part, k) for part in range(len(summary.POSE)) for k in histories]
        cells = [[summary.pose(results, m, split, k, part) for part, k in keys] for m in methods]
        rows = interval_rows(methods, cells, ".1f")
        columns = ("RMSE, 1 step", *(f"{summary.POSE[part][0]} [{summary.POSE[part][1]}], K = {k}" for part, k in keys))
        best = best_cells(cells, [i for i, m in enumerate(methods) if contenders is None or m in contenders])
        found.append(Table(f"Pose ({SPLIT_LABELS.get(split, split)})", columns, rows, over_text(methods, cells), best))
    return found


def adaptation_table(results: Results) -> Table:
    """NRMSE one step ahead against K on the split that shows adaptation best: unseen and in range."""
    histories, methods = summary.histories_of(results.prediction), summary.methods_of(results.prediction)
    split = _main_split(results)
    cells = [[summary.prediction(results, m, split, k, 1) for k in histories] for m in methods]
    usual = histories.index(usual_history(results))
    ratios = [_ratio(row[usual], row[0]) for row in cells]
    rows = tuple((*row, r) for row, r in zip(interval_rows(methods, cells, ".3f"), ratios, strict=True))
    columns = ("NRMSE, 1 step", *(f"K = {k}" for k in histories), f"K = {histories[usual]} / K = {histories[0]}")
    found = best_cells(cells, range(len(methods)), largest=False)
    return Table(f"Adaptation ({SPLIT_LABELS.get(split, split)})", columns, rows, "[95 % interval]", found)


def uncertainty_table(results: Results, split: str) -> Table:
    """How well each method that gives standard deviations knows its error one step ahead, for every K."""
    wanted = (("coverage", ".3f"), ("nll", ".2f"), ("width", ".2f"), ("rank_correlation", ".2f"), ("surprise", ".2f"))
    keys = [(m, k) for m in summary.methods_of(results.uncertainty) for k in summary.histories_of(results.uncertainty)]
    labels, found = [f"{m}, K = {k}" for m, k in keys], []
    rows = []
    for label, (method, k) in zip(labels, keys, strict=True):
        found.append([summary.calibration(results, method, split, k, what) for what, _ in wanted])
        cells = [interval_text(c, spec) for c, (_, spec) in zip(found[-1], wanted, strict=True)]
        if split == summary.OUTSIDE:
            cells.append(interval_text(summary.surprise_auroc(results, method, k), ".3f"))
        rows.append((label, *cells))
    columns = ("standard deviations", "90 % intervals cover", "NLL", "width", "rank correlation", "surprise")
    outside = split == summary.OUTSIDE
    note = f"one step, normalised {over_text(labels, found)}; rank correlation: of std with error"
    note += "; AUROC: of surprise, against systems in range" if outside else ""
    title = f"Uncertainty ({SPLIT_LABELS.get(split, split)})"
    return Table(title, (*columns, "AUROC") if outside else columns, tuple(rows), note)


def change_tables(results: Results) -> list[Table]:
    """Error before and after a change of the system in mid-episode, and steps to adapt: one table a change."""
    found = []
    for key in dict.fromkeys((r.split, r.change, r.step) for r in results.change):
        split, change, step = key
        all_ways = ways([r for r in results.change if (r.split, r.change, r.step) == key])
        rows, sizes = [], []
        for way in all_ways:
            r = recovery(way.scores)
            sizes.append([Summary(r.before, r.seeds, r.systems)])
            cells = [text_of(i, ".3f") for i in (r.before, r.onset, r.after)] + [text_of(r.delay, ".0f", "never")]
            rows.append((f"{way.method} {way.adaptation}".strip(), *cells, text_of(r.detected, ".0f", "never")))
        note = (
            f"at step {step} {change}; {SPLIT_LABELS.get(split, split)};"
            f" {over_text([row[0] for row in rows], sizes)}; NRMSE in the {PHASE} steps"
            f" before, the {ONSET} after and the last {PHASE}; steps until 90 % of the jump is gone"
            f"{_left_out(all_ways[0].scores[0])}"
        )
        columns = ("NRMSE, 1 step", "before", "just after", "at the end", "steps to adapt", "steps to detect")
        found.append(Table("A change in mid-episode", columns, tuple(rows), note))
    return found


def _left_out(score: ChangeScore) -> str:
    """What a reader must know of the episodes that were not judged."""
    systems = f", and {score.dropped} systems of which too few lasted" if score.dropped else ""
    return f"; {score.ended} episodes that ended early are left out{systems}" if score.ended else ""


def cost_table(results: Results) -> Table:
    """What each method executes, stores and takes."""
    rows = tuple(
        (
            f.method,
            "-".join(map(str, f.executed)) or MISSING,
            MISSING if f.parameters is None else f"{f.parameters:,}",
            MISSING if f.training_seconds is None else f"{f.training_seconds / 60:.1f} min",
            MISSING if f.decision_seconds is None else f"{1000 * f.decision_seconds:.0f} ms",
            f.note,
        )
        for f in results.methods
    )
    return Table("Cost", ("method", "executed network", "stored numbers", "training", "a decision", "note"), rows)


def units_table(results: Results, entries: Sequence[str] = ()) -> Table:
    """RMSE of each entry of an observation in its own unit, unseen systems in range, with the usual K."""
    history, steps = usual_history(results), horizons(results)
    split, methods = _main_split(results), summary.methods_of(results.prediction)
    columns, cells = ["RMSE"], []
    for method in methods:
        runs = [r for r in results.prediction if (r.method, r.split, r.history) == (method, split, history)]
        for h in steps:
            columns.append(f"{method}: {steps_text(h)}")
            cells.append(_pooled(runs, h))
    size = max((len(c) for c in cells), default=0)
    names = [entries[i] if i < len(entries) else f"entry {i}" for i in range(size)]
    rows = tuple((n, *(f"{c[i]:.3g}" if i < len(c) else MISSING for c in cells)) for i, n in enumerate(names))
    note = f"{SPLIT_LABELS.get(split, split)}, K = {history}, physical units"
    return Table("Prediction in physical units", tuple(columns), rows, note)


def _main_split(results: Results) -> str:
    splits = summary.splits_of(results.prediction)
    return "interpolation" if "interpolation" in splits else splits[0]


def _pooled(runs: Sequence[PredictionScore], step: int) -> list[float]:
    """RMSE of each entry over training runs."""
    rows = [r.rmse[step - 1] for r in runs if len(r.rmse) >= step]
    return np.sqrt(np.mean(np.square(rows), axis=0)).tolist() if rows else []


def _ratio(own: Summary | None, reference: Summary | None) -> str:
    if own is None or reference is None or not reference.interval.value:
        return MISSING
    return f"{own.interval.value / reference.interval.value:.2f}"
