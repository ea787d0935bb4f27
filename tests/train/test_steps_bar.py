"""The bar of a training counts its steps, whatever its epochs are."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from rich.console import Console
from torch.utils.data import DataLoader

from hyperdyn import config, progress
from hyperdyn.steps_bar import StepsBar
from hyperdyn.train import assemble

BATCHES = 5
"""Of an epoch."""


class Line(LightningModule):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(1, 1)

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        loss = self.layer(batch).square().mean()
        self.log("train/line/loss", torch.tensor(0.25), prog_bar=True)
        return loss

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(folder: Path, ckpt_path: Path | None = None, **settings: Any) -> tuple[str, Trainer]:
    """What the bar of a training printed."""
    text = io.StringIO()
    trainer = Trainer(
        **settings,
        default_root_dir=folder,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_model_summary=False,
        callbacks=[StepsBar("train line", Console(file=text, width=200))],
    )
    trainer.fit(Line(), DataLoader(torch.ones(BATCHES, 1)), ckpt_path=None if ckpt_path is None else str(ckpt_path))
    return text.getvalue(), trainer


def test_steps_are_counted_through_all_epochs(tmp_path: Path) -> None:
    said, _ = fit(tmp_path, max_steps=12)
    assert said.startswith("train line: 12/12, ")
    assert " steps/s, loss 0.25, " in said
    assert "poch" not in said
    assert fit(tmp_path, max_epochs=2)[0].startswith("train line: 10/10, ")


def test_gradients_of_several_batches_are_one_step(tmp_path: Path) -> None:
    assert fit(tmp_path, max_epochs=2, accumulate_grad_batches=2)[0].startswith("train line: 6/6, ")  # 2, 2, 1


def test_a_training_that_goes_on_begins_where_it_was(tmp_path: Path) -> None:
    _, trainer = fit(tmp_path, max_steps=7)
    trainer.save_checkpoint(tmp_path / "at_7.ckpt")
    said, _ = fit(tmp_path, tmp_path / "at_7.ckpt", max_steps=9)
    assert said.startswith("train line: 9/9, ")


def test_the_time_left_is_of_what_is_left_at_the_pace_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, text = [0.0], io.StringIO()
    monkeypatch.setattr(progress, "time", SimpleNamespace(perf_counter=lambda: clock[0]))
    with progress.Meter("work", 10, "steps", done=4, console=Console(file=text, width=200)) as meter:
        clock[0] = 20.0
        meter.advance(40)
    assert text.getvalue().splitlines()[0] == "work: 5/10, 2 steps/s, 0:00:20 spent, 0:01:40 left"


def test_every_run_has_one_unless_it_is_switched_off(tmp_path: Path) -> None:
    asked = ["env=pendulum", "trainer=cpu", "~callbacks", f"run_dir={tmp_path / 'mine'}"]
    bar = assemble(config.compose("train", asked)).trainer.progress_bar_callback
    assert isinstance(bar, StepsBar)
    assert bar.title == "train mine"
    off = assemble(config.compose("train", [*asked, "trainer.enable_progress_bar=false"]))
    assert off.trainer.progress_bar_callback is None


@pytest.mark.parametrize(("done", "total", "lines"), [(0, 4, 0), (4, 4, 1), (2, 4, 0)])
def test_work_that_is_left_at_once_says_nothing_and_what_was_done_before_is_said(
    done: int, total: int, lines: int
) -> None:
    text = io.StringIO()
    with progress.Meter("work", total, "steps", done=done, console=Console(file=text, width=200)):
        pass
    assert text.getvalue().count("\n") == lines
