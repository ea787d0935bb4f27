"""Figures of predicted against true rollouts on systems never trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import final

import numpy as np
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.utilities import rank_zero_warn

from hyperdyn.callbacks.evaluation import AbstractEvaluation, show_figure, step_of, tag
from hyperdyn.envs.spec import Family
from hyperdyn.errors import at_least
from hyperdyn.evaluate.summary import SPLIT_LABELS
from hyperdyn.evaluate.windows import Windows, systems_of
from hyperdyn.figures.rollouts import Rollout, busiest_entries, rollout_figure
from hyperdyn.models.base import AbstractDynamics, rollout
from hyperdyn.shards.store import ShardStore
from hyperdyn.types import Batch


@final
class RolloutFigures(AbstractEvaluation):
    """One column a system, one row an entry of the observation: the truth, and what experts made from K transitions
    predict for it from its first observation on.

    steps: actions of a rollout, at most as many as the episodes hold.
    entries: how many of an observation's entries to show, those that move most.
    """

    def __init__(
        self,
        family: Family,
        data_dir: str,
        *,
        every_n_steps: int = 1000,
        split: str = "interpolation",
        systems: int = 3,
        history_sizes: Sequence[int] = (0, 16),
        steps: int = 30,
        entries: int = 4,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_steps)
        at_least(1, self, systems=systems, steps=steps, entries=entries, history_sizes=len(history_sizes))
        self.family = family
        self.data_dir = data_dir
        self.split = split
        self.systems = systems
        self.entries = entries
        self.windows = Windows(tuple(history_sizes), steps, 1, "support", seed, fewer=True)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        systems_of(ShardStore.open(self.data_dir), self.split)  # better now than after the first thousand steps

    def evaluate(self, trainer: Trainer, model: AbstractDynamics) -> None:
        if not trainer.is_global_zero:
            return
        store = ShardStore.open(self.data_dir)
        shown = slice(self.systems)
        steps = min(self.windows.horizon, self.windows.longest(store, self.split, shown))
        if steps == 0:  # no reason to lose a training
            rank_zero_warn(f"no figure of rollouts: a system of split '{self.split}' has one episode only")
            return
        batch = next(replace(self.windows, horizon=steps).batches(store, self.split, shown))
        rollouts = self._rollouts(model, batch)
        entries = busiest_entries(np.stack([r.true for r in rollouts]), self.entries, self.family.state.drop)
        names = [self.family.entry_names[i] for i in entries]
        where = SPLIT_LABELS.get(self.split, self.split)
        heading = f"Predicted against true ({where}), step {step_of(trainer) + 1}"
        figure = rollout_figure(rollouts, entries, names, self.family.dt, heading)
        show_figure(trainer, tag(self.split, self.family.name, "rollouts"), figure, f"rollouts_{self.split}.png")

    def _rollouts(self, model: AbstractDynamics, batch: Batch) -> list[Rollout]:
        moved = batch.to(next(model.parameters()).device)
        start = moved.query.obs[:, :, 0]
        predicted, held = {}, int(moved.context.mask.sum(1).min())
        for k in sorted({min(k, held) for k in self.windows.history_sizes}):
            context = model.told(self.windows.first(moved.context, k), moved.factors)
            predicted[f"K = {k}"] = rollout(model.adapt(context), start, moved.query.action)[:, 0].cpu().numpy()
        true = np.concatenate([batch.query.obs[:, 0, :1].numpy(), batch.query.next_obs[:, 0].numpy()], axis=1)
        return [
            Rollout(f"system {int(n)}", true[b], {label: rows[b] for label, rows in predicted.items()})
            for b, n in enumerate(batch.system)
        ]
