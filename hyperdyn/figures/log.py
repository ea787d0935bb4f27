"""Figures of a model that adapts to a log."""

from __future__ import annotations

from collections.abc import Sequence

import matplotlib.ticker
from matplotlib.figure import Figure

from hyperdyn.evaluate.log import LogScore
from hyperdyn.figures.style import PALETTE, headline, legend, new_figure


def log_adaptation(scores: Sequence[LogScore], heading: str) -> Figure:
    """NRMSE one step and H steps ahead against the number of transitions adapted from."""
    figure, axes = new_figure(1, width=6.0)
    ax, horizon = axes[0][0], len(scores[0].nrmse)
    histories = [s.history for s in scores]
    for colour, h in zip(PALETTE, sorted({1, horizon}), strict=False):
        label = "1 step ahead" if h == 1 else f"{h} steps ahead"
        ax.plot(histories, [s.nrmse[h - 1] for s in scores], color=colour, marker="o", label=label)
    ax.set_xscale("symlog", linthresh=1, linscale=0.6)
    ax.set_xticks(histories, [str(k) for k in histories])
    ax.xaxis.set_minor_locator(matplotlib.ticker.NullLocator())
    ax.set_ylim(bottom=0)
    ax.set_xlabel("transitions of the log adapted from, K")
    ax.set_ylabel("NRMSE")
    legend(ax)
    headline(figure, heading)
    return figure
