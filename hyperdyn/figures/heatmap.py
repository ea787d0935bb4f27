"""Where in the space of the hidden factors a method fails."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.ticker import LogFormatterSciNotation
from numpy.typing import NDArray

from hyperdyn.figures.style import INK, headline, new_figure, title

COLUMNS = 4
CELLS = 60
NEAR = 3
"""Systems whose error a place shows, the nearest."""
FAR = 0.12
"""From all systems, in widths of the panel: a place that shows nothing, because nothing is known of it."""

Doubles = NDArray[np.float64]


def error_map(
    places: Doubles,
    errors: Mapping[str, Doubles],
    names: tuple[str, str],
    boxes: Sequence[tuple[Doubles, Doubles]],
    *,
    log: tuple[bool, bool] = (False, False),
    heading: str = "",
) -> Figure:
    """Error of each method over two factors, one panel a method, one scale of colours for all.

    places: [systems,2] values of the two factors. errors: of each method, [systems].
    boxes: what training covers, as intervals [2] of both factors. log: factors on a logarithmic axis.
    """
    columns = min(COLUMNS, len(errors))
    figure, axes = new_figure(columns, -(-len(errors) // columns), width=3.4, height=3.0)
    panels = [ax for row in axes for ax in row]
    finite = np.concatenate([e[np.isfinite(e) & (e > 0)] for e in errors.values()])
    norm = LogNorm(*np.quantile(finite, [0.02, 0.98]) * [0.999, 1.001]) if finite.size else LogNorm(0.1, 1)
    for ax, (method, error) in zip(panels, errors.items(), strict=False):
        _map(ax, places, error, norm, log)
        for across, up in boxes:
            corner, size = (across[0], up[0]), (np.ptp(across), np.ptp(up))
            ax.add_patch(Rectangle(corner, *size, fill=False, ec=INK, ls="--", lw=1.4))
        ax.set_xlabel(names[0])
        ax.grid(visible=False)
        title(ax, method)
    for row in axes:
        row[0].set_ylabel(names[1])
    for ax in panels[len(errors) :]:
        ax.set_axis_off()
    bar = figure.colorbar(ScalarMappable(norm, "viridis_r"), ax=panels, label="NRMSE", shrink=0.8)
    _plain_numbers(bar.ax.yaxis)
    note = f"dots are systems; a place shows the root mean square of the {NEAR} nearest; dashed: what training covers"
    headline(figure, heading, note)
    return figure


def shaded(places: Doubles, errors: Doubles, grid: Doubles) -> Doubles:
    """Error [cells] at each cell [cells,2] of the unit square: the root mean square of the nearest systems.

    NaN where none is near.
    """
    distance = ((grid[:, None] - places[None]) ** 2).sum(-1)
    near = np.argsort(distance, axis=1, kind="stable")[:, : min(NEAR, len(places))]
    return np.where(distance.min(axis=1) > FAR**2, np.nan, np.sqrt(np.mean(errors[near] ** 2, axis=1)))


def _map(ax: Axes, places: Doubles, error: Doubles, norm: LogNorm, log: tuple[bool, bool]) -> None:
    shape = [np.log if scale else np.asarray for scale in log]
    back = [np.exp if scale else np.asarray for scale in log]
    points = np.stack([f(places[:, i]) for i, f in enumerate(shape)], axis=1)
    low, span = points.min(0), np.maximum(np.ptp(points, axis=0), 1e-9)
    low, span = low - 0.05 * span, 1.1 * span
    middle = (np.arange(CELLS) + 0.5) / CELLS
    grid = np.stack(np.meshgrid(middle, middle), axis=-1).reshape(-1, 2)
    known = np.isfinite(error)
    values = shaded((points[known] - low) / span, error[known], grid) if known.any() else np.full(len(grid), np.nan)
    edges = [back[i](low[i] + span[i] * np.linspace(0, 1, CELLS + 1)) for i in range(2)]
    ax.pcolormesh(*edges, values.reshape(CELLS, CELLS), norm=norm, cmap="viridis_r", rasterized=True)
    ax.scatter(
        places[:, 0], places[:, 1], c=error, norm=norm, cmap="viridis_r", s=18, edgecolors="white", linewidths=0.6
    )
    for scale, which, axis in zip(log, (ax.set_xscale, ax.set_yscale), (ax.xaxis, ax.yaxis), strict=True):
        which("log" if scale else "linear")
        if scale:
            _plain_numbers(axis)


class _Plain(LogFormatterSciNotation):
    """0.6 instead of 6 x 10^-1, at the ticks that would be labelled."""

    def __call__(self, x: float, pos: int | None = None) -> str:
        return f"{x:g}" if super().__call__(x, pos) else ""


def _plain_numbers(axis: Axis) -> None:
    axis.set_major_formatter(_Plain())
    axis.set_minor_formatter(_Plain(labelOnlyBase=False))
