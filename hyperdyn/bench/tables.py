"""The tables of a benchmark, from what is published and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from hyperdyn.bench.planning_tables import planning_tables
from hyperdyn.bench.publication import Publication
from hyperdyn.evaluate import summary
from hyperdyn.evaluate.paired import error_difference, error_ratio
from hyperdyn.evaluate.summary import SHORT, SPLIT_LABELS, Summary
from hyperdyn.report.numbers import MISSING, best_cells, interval_rows, interval_text, steps_text
from hyperdyn.report.table import Table
from hyperdyn.report.tables import change_tables, pose_tables, uncertainty_table

INTERVALS = "[95 % interval over training seeds and systems]"


def overview(publications: Sequence[Publication]) -> Table:
    """Every method on every family: one step ahead, unseen systems in range, the usual K."""
    methods = list(dict.fromkeys(m for p in publications for m in _methods(p)))
    cells = [[_error(p, m, _main_split(p), 1) for p in publications] for m in methods]
    ceilings = {m for p in publications for m in _methods(p) if p.about["methods"][m]["ceiling"]}
    contenders = [i for i, m in enumerate(methods) if m not in ceilings]
    rows = interval_rows(methods, cells, ".3f")
    first = publications[0].about
    note = f"NRMSE 1 step ahead, unseen systems in range, K = {first['protocol']['usual_history']}, {INTERVALS}"
    columns = ("method", *(p.family for p in publications))
    return Table("Overview", columns, rows, f"{note}; {_seeds(publications)}", best_cells(cells, contenders))


def family_tables(p: Publication) -> list[Table]:
    """Those of one family that there are scores for."""
    found = []
    if p.results.prediction:
        found += [
            prediction_table(p),
            *pose_tables(p.results, [m for m in _methods(p) if not p.about["methods"][m]["ceiling"]]),
            adaptation(p),
            paired_table(p, error_ratio, "ratio"),
            paired_table(p, error_difference, "minus"),
        ]
    found += planning_tables(p)
    found += [uncertainty_table(p.results, split) for split in summary.splits_of(p.results.uncertainty)]
    return [*found, *change_tables(p.results), cost_table(p)]


def prediction_table(p: Publication) -> Table:
    """NRMSE a few steps ahead on every split, with the usual K."""
    keys = [(s, h) for s in p.about["protocol"]["splits"] for h in shown_steps(p)]
    columns = ("NRMSE", *(f"{SHORT.get(s, s)}, {steps_text(h)}" for s, h in keys))
    return _errors(p, "Prediction", columns, [lambda m, s=s, h=h: _error(p, m, s, h) for s, h in keys], _usual(p))  # type: ignore[misc]


def adaptation(p: Publication) -> Table:
    """NRMSE one step ahead against K, on unseen systems in range."""
    histories, split = p.about["protocol"]["history_sizes"], _main_split(p)
    columns = ("NRMSE, 1 step", *(f"K = {k}" for k in histories))
    found = [lambda m, k=k: summary.prediction(p.results, m, split, k, 1) for k in histories]
    return _errors(p, f"Adaptation ({SPLIT_LABELS.get(split, split)})", columns, found, INTERVALS)


def paired_table(p: Publication, compare: Callable[..., Summary | None], kind: str) -> Table:
    """Every method against the reference, system by system and seed by seed; kind: "ratio" or "minus"."""
    reference, history = p.about["reference"], p.about["protocol"]["usual_history"]
    keys = [(s, h) for s in p.about["protocol"]["splits"] for h in shown_steps(p)]
    spec = ".2f" if kind == "ratio" else "+.3f"
    rows = tuple(
        (m, *(interval_text(compare(p.results, m, reference, s, history, h), spec) for s, h in keys))
        for m in _methods(p)
        if m != reference
    )
    what = f"NRMSE relative to {reference}" if kind == "ratio" else f"NRMSE minus that of {reference}"
    evidence = "1" if kind == "ratio" else "0"
    pooled = f"{'ratio' if kind == 'ratio' else 'difference'} of root mean squares over seeds and systems"
    note = f"{pooled}, paired: same systems, same seeds, {_usual(p)}; an interval without {evidence} is evidence"
    columns = (what, *(f"{SHORT.get(s, s)}, {steps_text(h)}" for s, h in keys))
    return Table(f"Prediction, {'ratio to' if kind == 'ratio' else 'difference from'} {reference}", columns, rows, note)


def tuning_table(publications: Sequence[Publication]) -> Table | None:
    """Error of every method with each setting that was tried; None where none was."""
    found = next((t for p in publications if (t := p.about["protocol"].get("tuning"))), None)
    if found is None:
        return None
    records = {m: a["tuning"]["tried"] for p in publications for m, a in p.about["methods"].items()}
    rows = tuple(
        (m, *(MISSING if t["error"] is None else f"{t['error']:.3f}" for t in tried)) for m, tried in records.items()
    )
    best = []
    for tried in records.values():
        errors = [math.inf if t["error"] is None else t["error"] for t in tried]
        best.append((1 + errors.index(min(errors)),))
    columns = ("NRMSE, 1 step", *(" ".join(s) or "as it is" for s in found["settings"]))
    judged = f"new episodes of {found['systems']} systems of the split {found['split']}"
    note = (
        f"a trial each, {' '.join(found['train'])}, judged on {judged} of {', '.join(found['families'])}, "
        f"K = {found['history']}; what wins is used on every family"
    )
    return Table("Tuning", columns, rows, note, tuple(best))


def cost_table(p: Publication) -> Table:
    """What each method executes, stores and takes, and how it was tuned."""
    rows = []
    for f in p.results.methods:
        about = p.about["methods"][f.method]
        rows.append(
            (
                f.method,
                "-".join(map(str, f.executed)) or MISSING,
                "yes" if about["matched"] else "no",
                MISSING if f.parameters is None else f"{f.parameters:,}",
                MISSING if f.training_seconds is None else f"{f.training_seconds / 60:.1f} min",
                MISSING if f.decision_seconds is None else f"{1000 * f.decision_seconds:.0f} ms",
                str(about["tuning"].get("trials", MISSING)),
                "told the factors" if about["ceiling"] else f.note,
            )
        )
    columns = (
        "method",
        "executed network",
        "size matched",
        "stored numbers",
        "training",
        "a decision",
        "settings tried",
        "note",
    )
    hidden = "-".join(map(str, p.about["executed"]))
    return Table(
        "Cost",
        columns,
        tuple(rows),
        f"matched: one predicted step executes hidden layers of {hidden}; times are means over seeds",
    )


def shown_steps(p: Publication) -> list[int]:
    """The steps ahead that tables show: the nearest, ten, the farthest."""
    longest = p.about["protocol"]["horizon"]
    return sorted({1, min(10, longest), longest})


def _errors(
    p: Publication, title: str, columns: tuple[str, ...], found: Sequence[Callable[[str], Summary | None]], note: str
) -> Table:
    methods = _methods(p)
    cells = [[of(m) for of in found] for m in methods]
    rows = interval_rows(methods, cells, ".3f")
    contenders = [i for i, m in enumerate(methods) if not p.about["methods"][m]["ceiling"]]
    return Table(title, columns, rows, note, best_cells(cells, contenders))


def _methods(p: Publication) -> list[str]:
    """In the order of the suite."""
    there = {r.method for r in p.results.prediction}
    return [m for m in p.about["methods"] if m in there]


def _error(p: Publication, method: str, split: str, step: int) -> Summary | None:
    return summary.prediction(p.results, method, split, p.about["protocol"]["usual_history"], step)


def _main_split(p: Publication) -> str:
    splits = p.about["protocol"]["splits"]
    return "interpolation" if "interpolation" in splits else str(splits[0])


def _usual(p: Publication) -> str:
    return f"K = {p.about['protocol']['usual_history']}, {INTERVALS}"


def _seeds(publications: Sequence[Publication]) -> str:
    counts = sorted({len(p.about["seeds"]) for p in publications})
    return f"{' to '.join(map(str, counts))} training seed{'s' if counts != [1] else ''}"
