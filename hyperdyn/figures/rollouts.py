"""Figures of predicted against true trajectories."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from hyperdyn.figures.style import FAINT, INK, PALETTE, headline, new_figure, title

Array = NDArray[np.floating]


@dataclass(frozen=True)
class Rollout:
    """One episode piece of one system: what happened, and what was predicted for it from its first observation.

    predicted: of each model or history size, by label, observations after each of the T actions.
    """

    label: str
    true: Array  # [T+1,S]
    predicted: dict[str, Array]  # [T,S] each


def rollout_figure(
    rollouts: Sequence[Rollout], entries: Sequence[int], names: Sequence[str], dt: float, heading: str
) -> Figure:
    """One row an entry of the observation, one column a system; the truth in ink, predictions in colour.

    entries, names: which entries to show and what to call each. dt: seconds from one action to the next.
    """
    figure, axes = new_figure(len(rollouts), len(entries), width=3.3, height=1.6)
    for column, rollout in enumerate(rollouts):
        for row, entry in enumerate(entries):
            _draw(axes[row][column], rollout, entry, dt)
        title(axes[0][column], rollout.label)
        axes[-1][column].set_xlabel("time [s]")
    for row, name in enumerate(names):
        axes[row][0].set_ylabel(name, fontsize=9)
    headline(figure, heading)
    handles, labels = axes[0][0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="upper right", ncols=len(labels), frameon=False, fontsize=9)
    return figure


def busiest_entries(true: Array, count: int, skip: Sequence[int] = ()) -> list[int]:
    """The entries [count] of trajectories [N,T+1,S] that move most from step to step, relative to their own spread.

    skip: entries that are not worth a picture (a position that only drifts).
    """
    flat = true.reshape(-1, true.shape[-1])
    step = np.diff(true, axis=-2).reshape(-1, true.shape[-1]).std(0)
    spread = flat.std(0)
    score = np.where(spread > 0, step / np.where(spread > 0, spread, 1), -1)
    score[list(skip)] = -1
    moving = [int(i) for i in np.argsort(-score, kind="stable") if score[i] > 0]
    return sorted(moving[:count])


def _draw(ax: Axes, rollout: Rollout, entry: int, dt: float) -> None:
    true = rollout.true[:, entry]
    time = dt * np.arange(len(true))
    ax.plot(time, true, color=INK, lw=2.2, label="true")
    low, high = float(true.min()), float(true.max())
    margin = 0.35 * (high - low) or 1.0
    for colour, (label, predicted) in zip(PALETTE, rollout.predicted.items(), strict=False):
        ax.plot(time, np.concatenate([true[:1], predicted[:, entry]]), color=colour, lw=1.4, ls="--", label=label)
    ax.set_ylim(low - margin, high + margin)  # a prediction that diverges leaves the picture, not the truth flat
    ax.tick_params(labelsize=8, colors=FAINT)
