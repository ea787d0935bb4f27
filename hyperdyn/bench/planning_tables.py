"""Tables of what came of planning, way by way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from hyperdyn.bench.plans import only, systems_of
from hyperdyn.bench.publication import Publication
from hyperdyn.evaluate import summary
from hyperdyn.evaluate.paired import success_difference
from hyperdyn.evaluate.results import CEILING, FLOOR, Results
from hyperdyn.evaluate.summary import SHORT, Summary
from hyperdyn.report.numbers import best_cells, interval_rows, over_text
from hyperdyn.report.planning_tables import share_note, success_note, with_share
from hyperdyn.report.table import Table

Score = Callable[[str, str], Summary | None]
"""Of a method on a split."""


def ways(p: Publication) -> dict[str, Results]:
    """The results with the plans of one way alone, for each way that a method has planned in."""
    found = {name: only(p.results, way) for name, way in p.about["protocol"]["planning"].items()}
    return {name: r for name, r in found.items() if any(s.method not in (FLOOR, CEILING) for s in r.planning)}


def planning_tables(p: Publication) -> list[Table]:
    """Success of every method in each way of planning where the family says what that is, elsewhere the return."""
    found: list[Table] = []
    for name, results in ways(p).items():
        tables = _successes if all(s.success for s in results.planning) else _returns
        found += tables(p, name, results)
    return found


def _successes(p: Publication, name: str, results: Results) -> list[Table]:
    way, reference = p.about["protocol"]["planning"][name], p.about["reference"]
    known = summary.known_text((way["support"], way["history"]))
    what = success_note(p.about.get("success") or "")
    note = f"{what}share of systems, within {way['steps']} steps, {known}; {_planners(way, results)}"
    share = _scores(p, f"Success ({name})", "success", results, partial(summary.success_share, results), ".2f", note)
    minus = _pairs(
        f"Success ({name}), difference from {reference}",
        f"success minus {reference}",
        results,
        reference,
        lambda m, s: success_difference(results, m, reference, s),
        "+.2f",
        f"difference of shares, {_paired(way)}",
    )
    return [share, minus]


def _returns(p: Publication, name: str, results: Results) -> list[Table]:
    """Between the random floor and the simulator's ceiling."""
    way, reference = p.about["protocol"]["planning"][name], p.about["reference"]
    splits = summary.splits_of(results.planning)
    note = f"interquartile mean of the return of {way['steps']} steps{share_note(results)}; {_planners(way, results)}"
    table = _scores(p, f"Planning ({name})", "return", results, partial(summary.planning, results), ".0f", note)
    rows = tuple(
        (row[0], *(with_share(results, row[0], s, text) for s, text in zip(splits, row[1:], strict=True)))
        for row in table.rows
    )
    minus = _pairs(
        f"Planning ({name}), difference from {reference}",
        f"return minus {reference}",
        results,
        reference,
        lambda m, s: summary.return_difference(results, m, reference, s),
        "+.0f",
        f"interquartile mean of differences, {_paired(way)}",
    )
    return [Table(table.title, table.columns, rows, table.note, table.best), minus]


def _paired(way: Mapping[str, Any]) -> str:
    own = f", but of {' and '.join(way['own'])} (above)" if way.get("own") else ""
    return f"paired: same systems, same seeds, initial states and planner{own}"


def _planners(way: Mapping[str, Any], results: Results) -> str:
    own = [f"{method}: {planner}" for method, planner in way.get("own", {}).items()]
    fewer = "ceiling_systems" in way and any(r.method == CEILING for r in results.planning)
    few = [f"{CEILING}: the first {systems_of(CEILING, way)} systems"] if fewer else []
    return "; ".join([way["planner"], *own, *few])


def _scores(p: Publication, title: str, what: str, results: Results, score: Score, spec: str, note: str) -> Table:
    splits, methods = summary.splits_of(results.planning), summary.methods_of(results.planning)
    cells = [[score(m, s) for s in splits] for m in methods]
    rows = interval_rows(methods, cells, spec)
    contenders = [
        i for i, m in enumerate(methods) if m not in (FLOOR, CEILING) and not p.about["methods"][m]["ceiling"]
    ]
    columns = (what, *(SHORT.get(s, s) for s in splits))
    trained = [i for i, m in enumerate(methods) if m not in (FLOOR, CEILING)]
    note += f" {over_text([methods[i] for i in trained], [cells[i] for i in trained])}"
    return Table(title, columns, rows, note, best_cells(cells, contenders, largest=True))


def _pairs(title: str, what: str, results: Results, reference: str, score: Score, spec: str, note: str) -> Table:
    splits = summary.splits_of(results.planning)
    methods = [m for m in summary.methods_of(results.planning) if m not in (FLOOR, CEILING, reference)]
    cells = [[score(m, s) for s in splits] for m in methods]
    note = f"{note} {over_text(methods, cells)}; an interval without 0 is evidence"
    return Table(title, (what, *(SHORT.get(s, s) for s in splits)), interval_rows(methods, cells, spec), note)
