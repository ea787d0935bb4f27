"""Figures of a run's metrics.csv."""

from __future__ import annotations

import csv
import re
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from matplotlib.figure import Figure

from hyperdyn.figures.style import PALETTE, headline, legend, new_figure, title

Curve = list[tuple[int, float]]
COLUMNS = 3


def read_metrics(path: Path | str) -> dict[str, Curve]:
    """Every metric of a metrics.csv as (step, value) pairs; empty cells and text are no values."""
    curves: dict[str, Curve] = defaultdict(list)
    with open(path, newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            for name, text in row.items():
                if name in ("step", "epoch") or not text:
                    continue
                try:
                    point = int(float(row["step"])), float(text)
                except (ValueError, KeyError, TypeError):
                    continue
                curves[name].append(point)
    return dict(curves)


def training_curves(curves: Mapping[str, Curve]) -> Figure:
    """One panel a quantity: a/x and a/y share one, and of longer names a/b/K0/x and a/b/K4/x, which differ in K."""
    groups: dict[str, dict[str, Curve]] = defaultdict(dict)
    for name in sorted(curves, key=_natural):
        *path, leaf = name.split("/")
        if len(path) >= 2:
            leaf, path = path[-1], [*path[:-1], leaf]
        groups["/".join(path) or "metrics"][leaf] = curves[name]
    rows = -(-len(groups) // COLUMNS)
    figure, axes = new_figure(min(COLUMNS, len(groups)), max(rows, 1), height=2.7)
    panels = [ax for row in axes for ax in row]
    for ax, (group, members) in zip(panels, groups.items(), strict=False):
        for colour, (leaf, curve) in zip(PALETTE, members.items(), strict=False):
            steps, values = zip(*curve, strict=True)
            ax.plot(steps, values, color=colour, label=leaf, marker="o" if len(curve) < 20 else "", markersize=3)
        if all(v > 0 for curve in members.values() for _, v in curve) and "loss" in " ".join((group, *members)):
            ax.set_yscale("log")
        ax.set_xlabel("optimiser step")
        title(ax, group)
        legend(ax)
    for ax in panels[len(groups) :]:
        ax.set_axis_off()
    headline(figure, "Training")
    return figure


def _natural(name: str) -> list[tuple[int, str]]:
    """K4 before K16."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]
