"""Checkpoints to go on from, also after an epoch's last step."""

from __future__ import annotations

from pathlib import Path
from typing import Any, final

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint


@final
class Saver(ModelCheckpoint):
    """Keeps one checkpoint, replaced in one step, so that a run goes on as if it had never been cut.

    At an epoch's last step it is saved after what callbacks do at the epoch's end, since Lightning takes the epoch of
    such a checkpoint for one that ended.

    path: of the checkpoint.
    """

    def __init__(self, path: Path, every_n_steps: int) -> None:
        super().__init__(
            path.parent,
            filename=path.stem,
            every_n_train_steps=every_n_steps,
            save_on_train_epoch_end=False,
            enable_version_counter=False,
        )

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *step: Any) -> None:
        if not trainer.is_last_batch:
            super().on_train_batch_end(trainer, pl_module, *step)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        super().on_train_batch_end(trainer, pl_module, None, None, 0)

    def on_save_checkpoint(self, trainer: Trainer, pl_module: LightningModule, checkpoint: dict[str, Any]) -> None:
        """Let a checkpoint of an epoch's end, whoever saves it, say what one of its last step does: from the former
        Lightning goes on with one step more of the same epoch, if a training is counted in steps.
        """
        loop = checkpoint["loops"]["fit_loop"]
        epoch, batch = loop["epoch_progress"], loop["epoch_loop.batch_progress"]
        if not batch["is_last_batch"] or epoch["current"]["processed"] < epoch["current"]["ready"]:
            return
        loop["epoch_loop.state_dict"]["_batches_that_stepped"] -= 1
        for count in ("total", "current"):
            batch[count]["completed"] -= 1
            epoch[count]["processed"] = epoch[count]["completed"] = epoch[count]["ready"] - 1
