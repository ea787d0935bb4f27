"""Checkpoints to go on from, also after an epoch's last step."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any, final

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO

from hyperdyn.files import write_whole


@final
class WholeCheckpoints(TorchCheckpointIO):
    """Replaces a checkpoint in one step. Lightning's own goes through the system's temporary folder: on another disk
    than the run's, that is a copy, which a kill leaves half-written in the place of the one before.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: Any, storage_options: Any | None = None) -> None:
        content = BytesIO()
        torch.save(checkpoint, content)
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        write_whole(Path(path), content.getvalue())


@final
class Saver(ModelCheckpoint):
    """Keeps one checkpoint, replaced in one step, so that a run goes on as if it had never been cut.

    At an epoch's last step it is saved after what callbacks do at the epoch's end, since Lightning takes the epoch of
    such a checkpoint for one that ended. A run's last step is left to whoever fits, for after the fit: Lightning would
    not go on from there, and what callbacks do at the end of a fit that was cut would never be done.

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
        if not (trainer.is_last_batch or over(trainer)):
            super().on_train_batch_end(trainer, pl_module, *step)

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if not over(trainer):
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


def over(trainer: Trainer) -> bool:
    """Whether the last step that was asked for has been made."""
    return trainer.global_step == trainer.max_steps
