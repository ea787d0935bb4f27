"""How far a training is, counted in its steps."""

from __future__ import annotations

import math
from typing import Any, final

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ProgressBar
from lightning.pytorch.utilities.types import STEP_OUTPUT
from rich.console import Console

from hyperdyn.progress import Meter


@final
class StepsBar(ProgressBar):
    """One bar over all steps of a training, with its loss, as other commands show theirs.

    Lightning's own bars start again in every epoch, and a training by steps has no number of epochs. A training
    without an end shows none.

    title: in front of it.
    """

    def __init__(self, title: str = "train", console: Console | None = None) -> None:
        super().__init__()
        self.title, self._console = title, console
        self._enabled = True
        self._meter: Meter | None = None

    def enable(self) -> None:
        self._enabled = True

    def disable(self) -> None:
        self._enabled = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        total = trainer.estimated_stepping_batches
        if self._enabled and math.isfinite(total):
            done = trainer.global_step
            self._meter = Meter(self.title, int(total), "steps", done=done, console=self._console).__enter__()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        if self._meter is not None and trainer.global_step > self._meter.parts:
            shown = {name.rpartition("/")[2]: value for name, value in trainer.progress_bar_metrics.items()}
            self._meter.note = ", ".join(f"{name} {value:.4g}" for name, value in shown.items())
            self._meter.advance(1)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._leave()

    def on_exception(self, trainer: Trainer, pl_module: LightningModule, exception: BaseException) -> None:
        self._leave()

    def _leave(self) -> None:
        if self._meter is not None:
            self._meter.__exit__(None, None, None)
            self._meter = None
