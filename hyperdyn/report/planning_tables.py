"""Tables of what came of planning: returns, successes, and differences between methods."""

from __future__ import annotations

from hyperdyn.envs.loading import load
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate import summary
from hyperdyn.evaluate.results import CEILING, FLOOR, Results
from hyperdyn.evaluate.summary import SPLIT_LABELS
from hyperdyn.report.numbers import best_cells, interval_text
from hyperdyn.report.table import Table


def planning_tables(results: Results) -> list[Table]:
    """Those that the results have data for."""
    return [planning_table(results), *_differences(results), *success_tables(results)] if results.planning else []


def planning_table(results: Results) -> Table:
    """Return of every method, floor and ceiling, on each split."""
    splits, methods = summary.splits_of(results.planning), summary.methods_of(results.planning)
    cells = [[summary.planning(results, m, s) for s in splits] for m in methods]
    rows = tuple(
        (m, *(with_share(results, m, s, interval_text(c, ".0f")) for s, c in zip(splits, row, strict=True)))
        for m, row in zip(methods, cells, strict=True)
    )
    contenders = [i for i, m in enumerate(methods) if m not in (FLOOR, CEILING)]
    steps = max(r.steps for r in results.planning)
    planner = " · ".join(sorted({r.planner for r in results.planning}))
    note = f"interquartile mean over {steps} steps [95 % interval]{share_note(results)}; {planner}"
    columns = ("return", *(SPLIT_LABELS.get(s, s) for s in splits))
    return Table("Planning", columns, rows, note, best_cells(cells, contenders, largest=True))


def with_share(results: Results, method: str, split: str, text: str) -> str:
    """The text of a return, and its share of the simulator's where there is one."""
    share = None if method == CEILING else summary.share_of_ceiling(results, method, split)
    return text if share is None else f"{text}  {round(100 * share)} %"


def share_note(results: Results) -> str:
    """What to add to a note on returns; nothing where no share of the simulator's can be told."""
    told = any(summary.share_of_ceiling(results, CEILING, s) is not None for s in summary.splits_of(results.planning))
    return ", share of the simulator's" if told else ""


def success_note(text: str) -> str:
    """What a note on success begins with: what success is, where the family says it in words."""
    return f"{text}: " if text else ""


def _success_text(family: str) -> str:
    try:
        return load(family).success_text
    except ConfigError:  # a family of another installation
        return ""


def success_tables(results: Results) -> list[Table]:
    """How often each method got where it should, one table for each way of planning; none where nobody says where."""
    judged = [r for r in results.planning if r.success]
    what = success_note(_success_text(results.family)) if judged else ""
    found = []
    for planner, steps in dict.fromkeys((r.planner, r.steps) for r in judged):
        own = [r for r in judged if (r.planner, r.steps) == (planner, steps)]
        splits, ways = summary.splits_of(own), dict.fromkeys((r.method, summary.known_of(r)) for r in own)
        rows = sorted(ways, key=lambda row: (row[0] == CEILING) - (row[0] == FLOOR))
        cells = [[summary.success(results, m, s, planner, steps, k) for s in splits] for m, k in rows]
        texts = tuple(
            (m if m in (FLOOR, CEILING) else f"{m}, {summary.known_text(k)}", *(interval_text(c, ".2f") for c in row))
            for (m, k), row in zip(rows, cells, strict=True)
        )
        contenders = [i for i, (m, _) in enumerate(rows) if m not in (FLOOR, CEILING)]
        columns = ("success", *(SPLIT_LABELS.get(s, s) for s in splits))
        note = f"{what}share of systems, within {steps} steps [95 % interval]; {planner}"
        found.append(Table("Success", columns, texts, note, best_cells(cells, contenders, largest=True)))
    return found


def _differences(results: Results) -> list[Table]:
    methods = [m for m in summary.methods_of(results.planning) if m not in (FLOOR, CEILING)]
    splits = summary.splits_of(results.planning)
    if len(methods) < 2:
        return []
    reference = "fixed" if "fixed" in methods else methods[0]
    rows = [
        (
            f"{m} minus {reference}",
            *(interval_text(summary.return_difference(results, m, reference, s), "+.0f") for s in splits),
        )
        for m in methods
        if m != reference
    ]
    columns = ("difference in return", *(SPLIT_LABELS.get(s, s) for s in splits))
    note = "paired: same systems, initial states and planner [95 % interval]; an interval without 0 is evidence"
    return [Table("Planning, pair by pair", columns, tuple(rows), note)]
