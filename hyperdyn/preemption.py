"""What a cluster asks of a job before it takes the machine away: save and go."""

from __future__ import annotations

import signal
import threading
from pathlib import Path
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.utilities.types import STEP_OUTPUT

from hyperdyn.errors import PREEMPTED
from hyperdyn.saver import over

EVERY = 16
"""Optimiser steps from one agreement among several processes to the next: each waits for all of a device's work."""


@final
class Preemption(Callback):
    """On SIGTERM, to whichever rank, every rank finishes its step, the run is saved, and all leave with PREEMPTED.

    One process saves after the step at hand. Several ask each other every `EVERY` steps and at an epoch's end, and
    save then. They leave before the next step, when the row of the saved one has been written. A round of on-policy
    data that the step ends in is played before. After a run's last step nothing is saved, as `Saver` says why: one
    process leaves at once, several when they have done what is done at the end. It must be the last of a trainer's
    callbacks. Lightning's own handler broadcasts from inside the signal, amid the collectives of a step; this one only
    takes note. The handler from before the fit comes back when Lightning puts back those that its own had replaced.

    path: of the checkpoint.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._asked = self._saved = self._at_once = False

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, self._take_note)

    def _take_note(self, *_: object) -> None:
        self._asked = True
        if self._at_once:
            raise SystemExit(PREEMPTED)

    def on_train_batch_start(self, trainer: Trainer, pl_module: LightningModule, batch: Any, batch_idx: int) -> None:
        self._leave_if_saved()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        if trainer.is_last_batch or over(trainer):  # what others do at the end of an epoch would be skipped
            return
        if trainer.world_size == 1 or trainer.global_step % EVERY == 0:
            self._save_if_asked(trainer)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if over(trainer):
            self._at_once = trainer.world_size == 1
            if self._at_once and self._asked:
                raise SystemExit(PREEMPTED)
            return
        self._save_if_asked(trainer)
        self._leave_if_saved()

    def _save_if_asked(self, trainer: Trainer) -> None:
        asked = self._asked
        if trainer.world_size > 1:
            asked = trainer.strategy.reduce_boolean_decision(asked, all=False)
        if asked:
            trainer.save_checkpoint(self.path, weights_only=False)  # with all that resuming needs
            self._saved = True

    def _leave_if_saved(self) -> None:
        if self._saved:
            raise SystemExit(PREEMPTED)
