"""What people read of a benchmark: tables in Markdown and LaTeX, and one page with every figure."""

from __future__ import annotations

import html
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hyperdyn.bench import tables
from hyperdyn.bench.planning_tables import ways
from hyperdyn.bench.publication import Publication
from hyperdyn.bench.suite import Suite
from hyperdyn.envs.loading import available
from hyperdyn.envs.loading import load as load_family
from hyperdyn.envs.spec import Factor
from hyperdyn.figures.change import error_around_change
from hyperdyn.figures.heatmap import error_map
from hyperdyn.figures.scores import adaptation_curve, error_by_horizon, return_bars, success_bars
from hyperdyn.figures.style import save
from hyperdyn.report import page
from hyperdyn.report.latex import latex
from hyperdyn.report.markdown import markdown
from hyperdyn.report.numbers import counted
from hyperdyn.statistics import rms


def write_pages(suite: Suite, publications: Sequence[Publication], folder: Path) -> list[Path]:
    """tables.md, tables.tex and report.html, of the published files alone; where they are."""
    tried = tables.tuning_table(publications)
    first = [tables.overview(publications), *([] if tried is None else [tried])]
    groups = {p.family: tables.family_tables(p) for p in publications}
    text = [f"# {suite.name}", "", suite.about, "", *map(markdown, first)]
    for p in publications:
        text += [f"## {p.family}", "", *map(markdown, groups[p.family]), f"Made with `{p.about['command']}`.", ""]
    sheet = "\n".join(latex(t, f"tab:{suite.name}-{t.title.lower()}") for t in first)
    for name, found in groups.items():
        sheet += "".join("\n" + latex(t, f"tab:{suite.name}-{name}-{i}") for i, t in enumerate(found))
    sections = [("Overview", f"<p>{html.escape(suite.about)}</p>{''.join(map(page.table, first))}")]
    for p in publications:
        pictures = "".join(page.picture(path) for path in _draw(suite, p, folder / "figures" / p.family))
        body = "".join(map(page.table, groups[p.family]))
        sections.append((p.family, pictures + body + page.folded("made with", page.code(_made_with(p)))))
    written = {
        "tables.md": "\n".join(text),
        "tables.tex": sheet,
        "report.html": page.page(f"Benchmark: {suite.name}", _subtitle(publications), sections),
    }
    for name, content in written.items():
        (folder / name).write_text(content, encoding="utf-8")
    return [folder / name for name in written]


def heat_map(p: Publication, names: Sequence[str]) -> Figure | None:
    """Error one step ahead of each method over two factors, all splits; None where there is nothing to draw."""
    if len(names) != 2 or p.family not in available() or not p.results.prediction:
        return None
    family, history = load_family(p.family), p.about["protocol"]["usual_history"]
    columns = [p.about["factor_names"].index(name) for name in names]
    splits = list(p.about["factors"])
    places = np.concatenate([np.array(p.about["factors"][s])[:, columns] for s in splits])
    errors = {}
    for method in p.about["methods"]:
        rows = [
            np.array(
                [
                    [row[0] for row in r.per_system]
                    for r in p.results.prediction
                    if (r.method, r.split, r.history) == (method, s, history)
                ]
            )
            for s in splits
        ]
        if all(len(r) for r in rows):
            errors[method] = np.concatenate([rms(r.T) for r in rows])
    a, b = (family.factors[name] for name in names)
    boxes = [(across, up) for across in _covered(a) for up in _covered(b)]
    heading = f"Where it fails: error 1 step ahead, K = {history} ({p.family})"
    labels = (_labelled(names[0], a), _labelled(names[1], b))
    return error_map(places, errors, labels, boxes, log=(a.log, b.log), heading=heading) if errors else None


def _labelled(name: str, factor: Factor) -> str:
    return name if factor.unit == "1" else f"{name} [{factor.unit}]"


def _covered(factor: Factor) -> NDArray[np.float64]:
    """Intervals [pieces,2] that training covers; where it has single values, the one that holds them all."""
    ends = factor.ends("train")
    return ends if (ends[:, 0] < ends[:, 1]).any() else np.array([[ends.min(), ends.max()]])


def _draw(suite: Suite, p: Publication, folder: Path) -> list[Path]:
    drawn = []
    if p.results.prediction:
        for h in tables.shown_steps(p)[:2]:
            drawn.append(save(adaptation_curve(p.results, h), folder / f"adaptation_{h}.png"))
        drawn.append(
            save(error_by_horizon(p.results, p.about["protocol"]["usual_history"]), folder / "error_by_horizon.png")
        )
    family = suite.families.get(p.family)
    figure = heat_map(p, family.heatmap if family else ())
    if figure is not None:
        drawn.append(save(figure, folder / "heat_map.png"))
    for name, results in ways(p).items():
        bars = success_bars if all(s.success for s in results.planning) else return_bars
        drawn.append(save(bars(results, name), folder / f"planning_{name}.png"))
    if p.results.change:
        drawn.append(save(error_around_change(p.results), folder / "change.png"))
    return drawn


def _made_with(p: Publication) -> str:
    versions = ", ".join(f"{name} {found}" for name, found in p.about["packages"].items())
    lines = [
        p.about["command"],
        f"manifest sha256 {p.about['manifest']['sha256']}",
        f"data sha256     {p.about['data']}",
    ]
    lines += [
        f"{name}: {' '.join(about['overrides'])}; tuned over {about['tuning']['trials']} trials"
        for name, about in p.about["methods"].items()
    ]
    return "\n".join([*lines, versions, p.about["machine"]])


def _subtitle(publications: Sequence[Publication]) -> str:
    families = len(publications)
    methods = len({m for p in publications for m in p.about["methods"]})
    seeds = sorted({len(p.about["seeds"]) for p in publications})
    few = "" if len(seeds) == 1 else f"{seeds[0]} to "
    parts = [counted(methods, "method"), "1 family" if families == 1 else f"{families} families"]
    return " · ".join([*parts, few + counted(seeds[-1], "training seed")])
