"""A figure of what codes say about the hidden factors."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hyperdyn.figures.style import FAINT, headline, new_figure, title

Array = NDArray[np.floating]
COLUMNS = 4


def code_figure(codes: Array, factors: Array, names: Sequence[str], heading: str) -> Figure:
    """Codes [M,Z] on their first two principal components, one panel a factor, coloured by its value [M,F].

    Under each name stands how much of the factor a linear readout of the whole code explains, R^2 on held-out rows.
    """
    points, share = principal_components(codes)
    rows = -(-len(names) // COLUMNS)
    figure, axes = new_figure(min(COLUMNS, len(names)), rows, width=2.9, height=2.5)
    panels = [ax for row in axes for ax in row]
    for ax, name, value in zip(panels, names, np.asarray(factors, dtype=np.float64).T, strict=False):
        dots = ax.scatter(points[:, 0], points[:, 1], c=value, s=14, cmap="viridis", alpha=0.9, lw=0)
        bar = figure.colorbar(dots, ax=ax, pad=0.02, aspect=28)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=7, colors=FAINT)
        r2 = readout(codes, value)
        title(ax, name if np.isnan(r2) else f"{name}   R² {max(r2, 0):.2f}")
        ax.set_xticks([])
        ax.set_yticks([])
    for ax in panels[len(names) :]:
        ax.set_axis_off()
    headline(figure, heading, f"two components hold {100 * share:.0f} % of the variance; R²: linear readout, held out")
    return figure


def principal_components(codes: Array, count: int = 2) -> tuple[Array, float]:
    """Projection [M,count] of codes [M,Z], and the share of their variance that it keeps."""
    centred = np.asarray(codes, dtype=np.float64) - np.mean(codes, axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    points = np.zeros((len(codes), count))
    kept = min(count, len(s))
    points[:, :kept] = u[:, :kept] * s[:kept]
    total = float((s**2).sum())
    return points, float((s[:kept] ** 2).sum()) / total if total > 0 else 1.0


def readout(codes: Array, value: Array, ridge: float = 1e-2) -> float:
    """R^2 of a ridge regression of one factor [M] on standardised codes [M,Z], over five folds.

    NaN where the factor is constant, or where there are fewer than three systems for each entry of a code.
    """
    z, y = np.asarray(codes, dtype=np.float64), np.asarray(value, dtype=np.float64)
    M, total = len(y), float(((y - y.mean()) ** 2).sum())
    if len(z) < max(10, 3 * z.shape[1]) or total == 0:
        return float("nan")
    spread = z.std(0)
    z = (z - z.mean(0)) / np.where(spread > 0, spread, 1)
    residual = 0.0
    for fold in range(5):
        test = np.arange(M) % 5 == fold
        z0, y0 = z[~test].mean(0), y[~test].mean()
        x = z[~test] - z0
        weight = np.linalg.solve(x.T @ x + ridge * len(x) * np.eye(z.shape[1]), x.T @ (y[~test] - y0))
        residual += float(((y[test] - y0 - (z[test] - z0) @ weight) ** 2).sum())
    return 1 - residual / total
