"""The tables of a benchmark, from what is published and nothing else."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from hyperdyn.bench.planning_tables import planning_tables
from hyperdyn.bench.publication import Publication
from hyperdyn.evaluate import summary
from hyperdyn.evaluate.paired import error_difference, error_ratio
from hyperdyn.evaluate.summary import SHORT, SPLIT_LABELS, Summary
from hyperdyn.report.numbers import MISSING, best_cells, interval_rows, over_text, steps_text
from hyperdyn.report.table import Table
from hyperdyn.report.tables import change_tables, pose_tables, uncertainty_table


def overview(publications: Sequence[Publication]) -> Table:
    """Every method on every family: one step ahead, unseen systems in range, the usual K."""
    methods = list(dict.fromkeys(m for p in _fullest_first(publications) for m in _methods(p)))
    cells = [[_error(p, m, _main_split(p), 1) for p in publications] for m in methods]
    ceilings = {m for p in publications for m in _methods(p) if p.about["methods"][m]["ceiling"]}
    contenders = [i for i, m in enumerate(methods) if m not in ceilings]
    rows = interval_rows(methods, cells, ".3f")
    first = publications[0].about
    note = f"NRMSE 1 step ahead, unseen systems in range, K = {first['protocol']['usual_history']}"
    note += f" [95 % interval over training seeds and systems]; {_seeds(publications)}"
    columns = ("method", *(p.family for p in publications))
    return Table("Overview", columns, rows, note, best_cells(cells, contenders))


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
    found = [lambda m, s=s, h=h: _error(p, m, s, h) for s, h in keys]
    return _errors(p, "Prediction", columns, found, f"{_usual(p)}, ")


def adaptation(p: Publication) -> Table:
    """NRMSE one step ahead against K, on unseen systems in range."""
    histories, split = p.about["protocol"]["history_sizes"], _main_split(p)
    columns = ("NRMSE, 1 step", *(f"K = {k}" for k in histories))
    found = [lambda m, k=k: summary.prediction(p.results, m, split, k, 1) for k in histories]
    return _errors(p, f"Adaptation ({SPLIT_LABELS.get(split, split)})", columns, found)


def paired_table(p: Publication, compare: Callable[..., Summary | None], kind: str) -> Table:
    """Every method against the reference, system by system and seed by seed; kind: "ratio" or "minus"."""
    reference, history = p.about["reference"], p.about["protocol"]["usual_history"]
    keys = [(s, h) for s in p.about["protocol"]["splits"] for h in shown_steps(p)]
    spec = ".2f" if kind == "ratio" else "+.3f"
    methods = [m for m in _methods(p) if m != reference]
    cells = [[compare(p.results, m, reference, s, history, h) for s, h in keys] for m in methods]
    what = f"NRMSE relative to {reference}" if kind == "ratio" else f"NRMSE minus that of {reference}"
    evidence = "1" if kind == "ratio" else "0"
    pooled = f"{'ratio' if kind == 'ratio' else 'difference'} of root mean squares over seeds and systems"
    note = f"{pooled}, paired: same systems, same seeds, {_usual(p)}, {over_text(methods, cells)}"
    note += f"; an interval without {evidence} is evidence"
    columns = (what, *(f"{SHORT.get(s, s)}, {steps_text(h)}" for s, h in keys))
    title = f"Prediction, {'ratio to' if kind == 'ratio' else 'difference from'} {reference}"
    return Table(title, columns, interval_rows(methods, cells, spec), note)


def tuning_table(publications: Sequence[Publication]) -> Table | None:
    """Error of every method with each setting that was tried; None where none was."""
    found = next((t for p in publications if (t := p.about["protocol"].get("tuning"))), None)
    if found is None:
        return None
    records = {m: a["tuning"]["tried"] for p in _fullest_first(publications) for m, a in p.about["methods"].items()}
    rows = tuple(
        (m, *(MISSING if t["error"] is None else f"{t['error']:.3f}" for t in tried)) for m, tried in records.items()
    )
    best = []
    for tried in records.values():
        errors = [math.inf if t["error"] is None else t["error"] for t in tried]
        best.append((1 + errors.index(min(errors)),) if min(errors) < math.inf else ())
    columns = ("NRMSE, 1 step", *(" ".join(s) or "as it is" for s in found["settings"]))
    judged = f"new episodes of {found['systems']} systems of the split {found['split']}"
    note = (
        f"{' '.join(['a trial each', *found['train']])}, judged on {judged} of {', '.join(found['families'])}, "
        f"K = {found['history']}; what wins, the first of equal ones, is used on every family"
    )
    if outer := [m for m, tried in records.items() if _at_an_end(tried)]:
        note += f"; at an end of what was tried, so that more might win: {', '.join(outer)}"
    return Table("Tuning", columns, rows, note, tuple(best))


def _at_an_end(tried: Sequence[Mapping[str, Any]]) -> bool:
    """Whether the settings are values of one number, of which the best is the least or the largest that was tried."""
    named = [dict(text.partition("=")[::2] for text in t["setting"]) for t in tried]
    keys = {key for setting in named for key in setting}
    if len(keys) != 1 or not all(len(setting) == 1 for setting in named):
        return False
    try:
        values = [float(value) for setting in named for value in setting.values()]
    except ValueError:
        return False
    errors = [math.inf if t["error"] is None else t["error"] for t in tried]
    return min(errors) < math.inf and values[errors.index(min(errors))] in (min(values), max(values))


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
    p: Publication,
    title: str,
    columns: tuple[str, ...],
    found: Sequence[Callable[[str], Summary | None]],
    note: str = "",
) -> Table:
    methods = _methods(p)
    cells = [[of(m) for of in found] for m in methods]
    rows = interval_rows(methods, cells, ".3f")
    contenders = [i for i, m in enumerate(methods) if not p.about["methods"][m]["ceiling"]]
    return Table(title, columns, rows, note + over_text(methods, cells), best_cells(cells, contenders))


def _fullest_first(publications: Sequence[Publication]) -> list[Publication]:
    """So that methods of some families alone keep their place in the suite's order."""
    return sorted(publications, key=lambda p: -len(p.about["methods"]))


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
    return f"K = {p.about['protocol']['usual_history']}"


def _seeds(publications: Sequence[Publication]) -> str:
    """How many trainings the numbers of each family are of, and which methods' are fewer."""
    texts = {p.family: _seeds_of(p) for p in publications}
    same = len(set(texts.values())) == 1
    found = next(iter(texts.values())) if same else "; ".join(f"{name} {text}" for name, text in texts.items())
    return f"training seeds: {found}"


def _seeds_of(p: Publication) -> str:
    own = {m: len({r.seed for r in p.results.prediction if r.method == m}) for m in _methods(p)}
    most = max(own.values(), default=0)
    fewer = [f"{m} {n}" for m, n in own.items() if n < most]
    diverged = [f"{d['method']} with seed {d['seed']}" for d in p.about.get("diverged_trainings", ())]
    text = f"{most}, but {', '.join(fewer)}" if fewer else str(most)
    return f"{text} (diverged in training and left out: {', '.join(diverged)})" if diverged else text
