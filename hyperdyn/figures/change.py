"""Figure of what a change in mid-episode does to the error."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.colors
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hyperdyn.evaluate.recovery import Way, grid_of, ways
from hyperdyn.evaluate.results import Results
from hyperdyn.figures.style import INK, PALETTE, colours, headline, new_figure, title
from hyperdyn.statistics import bootstrap_interval, rms

BIN = 5
"""Steps in a point; none of them holds the change inside."""
SHOWN = 60
"""Steps shown before the change."""
COLUMNS = 4
"""Panels side by side."""
WINDOW, RECURSIVE = PALETTE[0], PALETTE[3]


def error_around_change(results: Results) -> Figure:
    """NRMSE one step ahead against time, one panel a method that adapts, the others as broken lines in each.

    Of the last change that the results hold.
    """
    last = results.change[-1]
    key = (last.split, last.change, last.step)
    found = ways([r for r in results.change if (r.split, r.change, r.step) == key])
    adapting = list(dict.fromkeys(w.method for w in found if w.adaptation))
    others = [w for w in found if not w.adaptation]
    reserved = colours([w.method for w in others])
    panels = adapting or [""]
    columns = min(COLUMNS, len(panels))
    width = 6.5 if columns < 2 else 4.6
    figure, axes = new_figure(columns, -(-len(panels) // columns), width=width, share=True)
    cells = [ax for row in axes for ax in row]
    for ax in cells[len(panels) :]:
        ax.set_axis_off()
    for ax, method in zip(cells, panels, strict=False):
        own = [w for w in found if w.method == method and w.adaptation]
        for way, shade in zip(own, _shades(own), strict=True):
            _line(ax, way, way.adaptation, shade)
        for way in others:
            _line(ax, way, way.method, reserved[way.method], "--")
        ax.axvline(0, color=INK, lw=1.0)
        ax.set_xlabel("steps from the change")
        title(ax, method)
    top = max(ax.get_ylim()[1] for ax in cells[: len(panels)])
    for row in axes:
        row[0].set_ylabel("NRMSE, 1 step ahead")
        row[0].set_ylim(0, top)
    named = {label: line for ax in cells for line, label in zip(*ax.get_legend_handles_labels(), strict=True)}
    axes[0][-1].legend(named.values(), named, loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=9, frameon=False)
    note = f"means of {BIN} steps with 95 % intervals over training runs and systems"
    headline(figure, f"A change in mid-episode: error until the model finds out ({results.family})", note)
    return figure


def _shades(own: Sequence[Way]) -> list[str]:
    """Of one colour for windows, of another for the recursive form; the longer the memory, the darker."""
    shades = []
    for base in (WINDOW, RECURSIVE):
        kind = [w for w in own if w.adaptation.startswith("K") == (base == WINDOW)]
        colour = np.array(matplotlib.colors.to_rgb(base))
        share = np.linspace(0.4, 1.0, len(kind)) if len(kind) > 1 else np.ones(len(kind))
        shades += [matplotlib.colors.to_hex(tuple((1 - s * (1 - colour)).tolist())) for s in share]
    return shades


def _line(ax: Axes, way: Way, label: str, colour: str, style: str = "-") -> None:
    step = way.scores[0].step
    grid = grid_of(way.scores)
    first = _edges(grid.shape[-1], step)
    bins = [rms(grid[..., t : t + BIN]) for t in first]  # [seeds,systems] each
    points = [bootstrap_interval(b, rng=np.random.default_rng(0), statistic=rms) for b in bins]
    xs = [t - step + (BIN - 1) / 2 for t in first]
    ax.fill_between(xs, [p.low for p in points], [p.high for p in points], color=colour, alpha=0.08, lw=0)
    ax.plot(xs, [p.value for p in points], style, color=colour, label=label, lw=1.5)


def _edges(steps: int, change: int) -> list[int]:
    """First step of each whole bin that is shown."""
    before = range(change - BIN, max(-1, change - SHOWN - 1), -BIN)
    return [*reversed(before), *range(change, steps - BIN + 1, BIN)]
