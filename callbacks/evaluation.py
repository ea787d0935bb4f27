"""What all callbacks that look at a model from outside have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast, final

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.callbacks import WeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.utilities.types import STEP_OUTPUT
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from hyperdyn.errors import at_least
from hyperdyn.evaluate.undisturbed import undisturbed
from hyperdyn.figures.style import save
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.module import whole


class AbstractEvaluation(Callback, ABC):
    """Looks at the model every `every_n_steps` optimiser steps and at the end of the fit, and changes nothing.

    Where a run keeps an average of its weights, these are the weights that are looked at.

    every_n_steps: 0 for the end of the fit only.
    """

    def __init__(self, every_n_steps: int) -> None:
        at_least(0, self, every_n_steps=every_n_steps)
        self.every_n_steps = every_n_steps
        self._last = 0

    @abstractmethod
    def evaluate(self, trainer: Trainer, model: AbstractDynamics) -> None:
        """Look at the model, which is in evaluation mode; called on every rank."""

    @final
    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: STEP_OUTPUT, batch: Any, batch_idx: int
    ) -> None:
        if self.every_n_steps and trainer.global_step % self.every_n_steps == 0:
            self._look(trainer, pl_module)

    @final
    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._look(trainer, pl_module)

    def _look(self, trainer: Trainer, pl_module: LightningModule) -> None:
        if trainer.global_step == self._last:
            return
        self._last = trainer.global_step
        with whole(pl_module), averaged(trainer, pl_module), undisturbed(pl_module):
            self.evaluate(trainer, cast(AbstractDynamics, pl_module.model))


@contextmanager
def averaged(trainer: Trainer, module: LightningModule) -> Iterator[None]:
    """Inside, a module has the averaged weights, if a callback keeps them; exchanged as Lightning does to validate."""
    callbacks = trainer.callbacks  # type: ignore[attr-defined]
    averages = [callback for callback in callbacks if isinstance(callback, WeightAveraging)]
    for callback in averages:
        callback.on_validation_epoch_start(trainer, module)
    try:
        yield
    finally:
        for callback in reversed(averages):
            callback.on_validation_epoch_end(trainer, module)


def log(trainer: Trainer, metrics: Mapping[str, float]) -> None:
    """To every logger, and to where checkpoints and the caller of a training look; the same on every rank.

    Not `LightningModule.log`: at the end of a fit that is not allowed, and between two logging steps it is lost.
    """
    for logger in trainer.loggers:
        logger.log_metrics(dict(metrics), step=step_of(trainer))
        logger.save()
    for shown in (trainer.callback_metrics, trainer.logged_metrics):
        shown.update({name: torch.tensor(value) for name, value in metrics.items()})


def tag(split: str, family: str, *what: str) -> str:
    """The name of a curve or a picture: TensorBoard groups them by what stands first, and sorts by the rest."""
    return "/".join((split, family, *what))


def step_of(trainer: Trainer) -> int:
    """The step under which Lightning logs what belongs to the batch just finished: it counts from 0."""
    return trainer.global_step - 1


def board(trainer: Trainer) -> SummaryWriter | None:
    """The writer of the run's TensorBoard; None where there is none, or on a rank other than zero."""
    found = [logger for logger in trainer.loggers if isinstance(logger, TensorBoardLogger)]
    return found[0].experiment if found and trainer.is_global_zero else None


def show_figure(trainer: Trainer, tag: str, figure: Figure, file: str) -> None:
    """A figure to TensorBoard under a tag, and to a file in the run's `figures`, where it replaces an earlier one."""
    save(figure, run_folder(trainer, "figures") / file)
    writer = board(trainer)
    if writer is not None:
        canvas = cast(FigureCanvasAgg, figure.canvas)
        canvas.draw()
        writer.add_image(tag, np.asarray(canvas.buffer_rgba())[..., :3], step_of(trainer), dataformats="HWC")


def run_folder(trainer: Trainer, name: str) -> Path:
    """A folder of the run."""
    return Path(trainer.default_root_dir) / name
