"""Figures of an evaluation's results."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import matplotlib.ticker
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from hyperdyn.evaluate import summary
from hyperdyn.evaluate.results import CEILING, FLOOR, Results
from hyperdyn.evaluate.summary import SPLIT_LABELS, Summary
from hyperdyn.figures.style import FAINT, INK, Look, colours, headline, legend, looks, new_figure, title
from hyperdyn.statistics import Interval

NOTE = "95 % intervals over training runs and systems"
BOUNDS = {FLOOR: ":", CEILING: "--"}
"""Lines beside the bars, and how they are drawn."""
NUMBER = 0.22
"""Share of what a panel's bars span that the number at the end of one takes."""
PAPER = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1}
"""Behind a text that lines may cross."""
CLOSE = 0.1
"""Share of a panel's height up to which the names of two lines would overlap."""
FEW = 7
"""Methods up to which names stand below bars, a legend inside a panel and intervals around lines."""
LEGEND_ROWS = 12
"""Names in one column of a legend beside panels: more would reach down to the note."""
IN_VIEW = 2.5
"""Times the median method's largest error: a panel ends there, so that one that diverges leaves the others in view."""


def adaptation_curve(results: Results, step: int) -> Figure:
    """NRMSE `step` steps ahead against the number of history transitions K, one panel a split."""
    histories = summary.histories_of(results.prediction)
    figure = _panels(
        results,
        histories,
        lambda method, split, k: summary.prediction(results, method, split, k, step),
        "history transitions K",
    )
    for ax in figure.axes:
        ax.set_xscale("symlog", linthresh=1, linscale=0.6)
        ax.set_xticks(histories, [str(k) for k in histories])
        ax.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
        ax.set_xlim(-0.25, 1.3 * max(histories, default=1))
    ahead = "1 step" if step == 1 else f"{step} steps"
    headline(figure, f"Adapting: error {ahead} ahead as the history grows ({results.family})", _note(results))
    return figure


def error_by_horizon(results: Results, history: int) -> Figure:
    """NRMSE against how many steps ahead is predicted, one panel a split."""
    longest = max(len(r.per_system[0]) for r in results.prediction)
    figure = _panels(
        results,
        list(range(1, longest + 1)),
        lambda method, split, h: summary.prediction(results, method, split, history, h),
        "steps ahead",
    )
    for ax in figure.axes:
        ax.xaxis.set_major_locator(matplotlib.ticker.MaxNLocator(integer=True))
    heading = f"Looking ahead: error along the horizon, K = {history} ({results.family})"
    headline(figure, heading, _note(results))
    return figure


def return_bars(results: Results, way: str = "") -> Figure:
    """Return of every method with the random floor and the simulator's ceiling, one panel a split.

    way: what this way of planning is called, if there are several.
    """
    figure = _bars(
        results,
        partial(summary.planning, results),
        partial(summary.share_of_ceiling, results),
        "z.0f",
    )
    figure.axes[0].set_ylabel("return of one episode")
    steps = max(r.steps for r in results.planning)
    headline(figure, f"Planning{_called(way)}: return over {steps} steps ({results.family})", NOTE)
    return figure


def success_bars(results: Results, way: str = "") -> Figure:
    """Share of systems in which every method got where it should; the results are of one way of planning."""
    shown = (0, 1.12)  # a share, and room for what stands above it
    figure = _bars(results, partial(summary.success_share, results), lambda *_: None, "z.2f", shown)
    figure.axes[0].set_ylabel("success")
    for ax in figure.axes:
        ax.set_yticks([0, 0.25, 0.5, 0.75, 1])
    steps = max(r.steps for r in results.planning)
    headline(figure, f"Planning{_called(way)}: success in {steps} steps ({results.family})", NOTE)
    return figure


def _called(way: str) -> str:
    return f", {way}" if way else ""


def _bars(
    results: Results,
    score: Callable[[str, str], Summary | None],
    share: Callable[[str, str], float | None],
    spec: str,
    shown: tuple[float, float] | None = None,
) -> Figure:
    """A bar a method, a line a bound, one panel a split, all on one scale; share: of the ceiling, below a number.

    shown: ends of the axis of values; None for those that hold all of them.
    """
    splits = summary.splits_of(results.planning)
    methods = [m for m in summary.methods_of(results.planning) if m not in (FLOOR, CEILING)]
    if many := len(methods) > FEW:
        figure, rows = new_figure(1, len(splits), width=0.6 * len(methods) + 2.2)
        panels = [row[0] for row in rows]
    else:
        figure, rows = new_figure(len(splits), width=max(3.6, 1.0 * len(methods) + 1.6), share=True)
        panels = rows[0]
    bars = {(m, split): s for split in splits for m in methods if (s := score(m, split)) is not None}
    bounds = {split: {b: s.interval.value for b in BOUNDS if (s := score(b, split)) is not None} for split in splits}
    ends = shown or _ends([s.interval for s in bars.values()], [v for own in bounds.values() for v in own.values()])
    colour = colours(methods)
    for ax, split in zip(panels, splits, strict=True):
        for i, method in enumerate(methods):
            if (s := bars.get((method, split))) is not None:
                _bar(ax, i, s.interval, colour[method], share(method, split), spec)
        upright: dict[str, Any] = {"rotation": 60, "ha": "right", "rotation_mode": "anchor"} if many else {}
        ax.set_xticks(range(len(methods)), methods, **upright)
        ax.tick_params(labelbottom=not many or ax is panels[-1])
        ax.set_xlim(-0.6, len(methods) - 0.4)
        ax.set_ylim(ends)
        ax.grid(visible=False, axis="x")
        title(ax, SPLIT_LABELS.get(split, split))
        _bounds(ax, bounds[split], spec)
    return figure


def _ends(bars: Sequence[Interval], bounds: Sequence[float]) -> tuple[float, float]:
    """Ends of an axis that holds bars with their numbers beyond them, and the lines beside them."""
    values = [0.0, *bounds, *(end for i in bars for end in (i.low, i.high))]
    low, high = min(values), max(values)
    span = high - low or 1.0
    above = max((i.high + NUMBER * span for i in bars if i.value >= 0), default=0.0)
    below = min((i.low - NUMBER * span for i in bars if i.value < 0), default=0.0)
    return min(low - 0.05 * span if low < 0 else 0.0, below), max(high + 0.05 * span if high > 0 else 0.0, above)


def _panels(
    results: Results, xs: Sequence[int], score: Callable[[str, str, int], Summary | None], xlabel: str
) -> Figure:
    splits, methods = summary.splits_of(results.prediction), summary.methods_of(results.prediction)
    figure, axes = new_figure(len(splits))
    look = looks(methods)
    for ax, split in zip(axes[0], splits, strict=True):
        highest = {}
        for method in methods:
            points = [(x, s.interval) for x in xs if (s := score(method, split, x)) is not None]
            if finite := [(x, i) for x, i in points if np.isfinite(i.value)]:
                _line(ax, finite, method, look[method], band=len(methods) <= FEW)
                highest[method] = max(i.value for _, i in finite)
        ax.set_ylim(bottom=0)  # after the lines: it ends the scaling of the axis to what is drawn
        _keep_in_view(ax, highest)
        ax.set_xlabel(xlabel)
        title(ax, SPLIT_LABELS.get(split, split))
    axes[0][0].set_ylabel("NRMSE (1 = mean change)")
    if len(methods) <= FEW:
        legend(axes[0][0])
    else:
        columns = 1 if len(methods) <= LEGEND_ROWS else 2
        lines = axes[0][0].get_legend_handles_labels()
        figure.legend(*lines, loc="outside right upper", fontsize=8, frameon=False, ncols=columns)
    return figure


def _note(results: Results) -> str:
    return NOTE if len(summary.methods_of(results.prediction)) <= FEW else "intervals: in the tables"


def _keep_in_view(ax: Axes, highest: Mapping[str, float]) -> None:
    """End the panel before lines that lie far above the others, and name them."""
    top = IN_VIEW * float(np.median(list(highest.values()))) if highest else 0.0
    if beyond := [method for method, error in highest.items() if error > top]:
        ax.set_ylim(0, top)
        names = textwrap.fill(f"higher: {', '.join(beyond)}", 40)
        ax.annotate(
            names, (0.99, 0.99), xycoords="axes fraction", ha="right", va="top", fontsize=8, color=FAINT,
            bbox=PAPER,
        )  # fmt: skip


def _line(ax: Axes, points: Sequence[tuple[int, Interval]], method: str, look: Look, band: bool) -> None:
    xs, intervals = zip(*points, strict=True)
    if band:
        low, high = [i.low for i in intervals], [i.high for i in intervals]
        ax.fill_between(xs, low, high, color=look.colour, alpha=0.14, lw=0)
    ax.plot(
        xs, [i.value for i in intervals], color=look.colour, ls=look.dashes, marker=look.marker, markersize=3.5,
        markevery=max(1, len(xs) // 12), label=method,
    )  # fmt: skip


def _bar(ax: Axes, x: int, i: Interval, colour: str, share: float | None, spec: str) -> None:
    """With its number beyond the end of the bar and of its interval: below a negative one."""
    ax.bar(x, i.value, width=0.62, color=colour)
    ax.errorbar(x, i.value, [[max(0.0, i.value - i.low)], [max(0.0, i.high - i.value)]], color=INK, capsize=3, lw=1.2)
    percent = "" if share is None else f"\n{round(100 * share)} %"
    end, offset, va = (i.high, 4, "bottom") if i.value >= 0 else (i.low, -4, "top")
    ax.annotate(
        f"{i.value:{spec}}{percent}", (x, end), (0, offset), textcoords="offset points", ha="center", va=va,
        fontsize=9, linespacing=1.15, bbox=PAPER,
    )  # fmt: skip


def _bounds(ax: Axes, values: Mapping[str, float], spec: str) -> None:
    """Lines with their names at the right end; of two close ones the lower one's hangs and the higher one's stands."""
    low, high = ax.get_ylim()
    close = len(values) > 1 and max(values.values()) - min(values.values()) < CLOSE * (high - low)
    for place, (name, value) in enumerate(sorted(values.items(), key=lambda bound: bound[1])):
        ax.axhline(value, color=FAINT, ls=BOUNDS[name], lw=1.3, zorder=0)
        va, shift = ("top", "bottom")[place] if close else "center", (-1, 1)[place] if close else 0
        ax.annotate(
            f"{name} {value:{spec}}", (1, value), (4, shift), xycoords=("axes fraction", "data"),
            textcoords="offset points", ha="left", va=va, fontsize=8, color=FAINT,
        )  # fmt: skip
