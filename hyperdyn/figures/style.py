"""How every figure looks."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from hyperdyn.evaluate.results import CEILING, FLOOR

INK = "#1f2430"
FAINT = "#8b93a1"
GRID = "#e6e9ee"
PALETTE = (
    "#2563eb", "#e07a1f", "#159570", "#c43d6b", "#7a5af0", "#0e90b0", "#8a6d2b", "#1b2f66", "#6d1f3f",
    "#8fb4f5", "#f3bd82", "#7fcdb0", "#ef9ab8", "#bfaefa", "#84cbe0", "#cdb980", "#a3b3d9", "#d9a3ae",
)  # fmt: skip
"""Dark colours, then the same number of light ones: lightness tells apart what hue does not."""
RESERVED = {FLOOR: "#c3c9d2", CEILING: "#565e6c", "fixed": PALETTE[1], "hyper": PALETTE[0], "oracle": PALETTE[2]}
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
DPI = 120
LETTERS_PER_INCH = 9
"""Of a headline, at most."""

_RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 10,
    "text.color": INK,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "xtick.color": FAINT,
    "ytick.color": FAINT,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "legend.frameon": False,
    "lines.linewidth": 1.8,
    "figure.facecolor": "white",
}


def new_figure(
    columns: int, rows: int = 1, *, width: float = 4.2, height: float = 3.2, share: bool = False
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of rows x columns axes, each `width` x `height` inches. It belongs to no window and no global state.

    share: the panels of a row have one y axis.
    """
    with matplotlib.rc_context(_RC):
        figure = Figure(figsize=(width * columns, height * rows), dpi=DPI, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(rows, columns, squeeze=False, sharey="row" if share else False)
    return figure, [list(row) for row in axes]


def save(figure: Figure, path: Path | str) -> Path:
    """Write the figure as a PNG and return where."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with matplotlib.rc_context(_RC):
        figure.savefig(path)
    return path


def colours(methods: Sequence[str]) -> dict[str, str]:
    """One colour a method; the well-known ones keep theirs in every figure."""
    free = [c for c in PALETTE if c not in {RESERVED[m] for m in methods if m in RESERVED}]
    others = [m for m in methods if m not in RESERVED]
    return {m: RESERVED.get(m) or free[others.index(m) % len(free)] for m in methods}


@dataclass(frozen=True)
class Look:
    """How a method's line is drawn: with colour, dashes and marker, no two of which need hue to be told apart."""

    colour: str
    dashes: str
    marker: str


def looks(methods: Sequence[str]) -> dict[str, Look]:
    """One look a method: its colour, dashed where it is of the palette's lighter half, and a marker by its place."""
    half = len(PALETTE) // 2
    found = {}
    for m, c in colours(methods).items():
        place = PALETTE.index(c) if c in PALETTE else 0
        found[m] = Look(c, "-" if place < half else "--", MARKERS[place % len(MARKERS)])
    return found


def title(ax: Axes, text: str) -> None:
    ax.set_title(text, loc="left", fontsize=10.5, color=INK)


def legend(ax: Axes) -> None:
    ax.legend(loc="best", fontsize=9, frameon=False)


def headline(figure: Figure, text: str, note: str = "") -> None:
    """A title over all panels, in as many lines as it needs, and below them a note on how to read them."""
    lines = textwrap.wrap(text, int(LETTERS_PER_INCH * figure.get_figwidth()))
    figure.suptitle("\n".join(lines), x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    if note:
        figure.supxlabel(note, x=0.995, ha="right", fontsize=8, color=FAINT)
