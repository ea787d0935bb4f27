"""Lightning interrupted anywhere and resumed shows the windows of an uninterrupted run."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import ModelCheckpoint

from hyperdyn.datamodules.trajectories import TrajectoryDataModule
from hyperdyn.shards import ShardStore
from hyperdyn.types import Batch

AddLabelled = Callable[..., ShardStore]
BATCHES = 8
"""Of a whole epoch."""


class Recorder(LightningModule):
    """Remembers which windows it was shown."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.seen: list[list[Any]] = []

    def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
        self.seen.append([batch.query.obs.flatten(0, 2).tolist(), batch.context.history.obs.tolist()])
        return self.weight * batch.query.obs.mean()

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


def fit(store: ShardStore, folder: Path, resume: Path | None = None, **options: Any) -> Recorder:
    torch.manual_seed(0)
    model = Recorder()
    dm = TrajectoryDataModule(str(store.root), systems=4, rows=5, history_sizes=[0, 2, 4])
    keep = ModelCheckpoint(folder, "{step}", every_n_train_steps=1, save_top_k=-1)
    at_end = ModelCheckpoint(folder, "end-{epoch}", save_on_train_epoch_end=True, every_n_epochs=1, save_top_k=-1)
    trainer = Trainer(
        accelerator="cpu",
        devices=1,
        logger=False,
        callbacks=[keep, at_end],
        enable_progress_bar=False,
        enable_model_summary=False,
        **options,
    )
    trainer.fit(model, dm, ckpt_path=None if resume is None else os.fspath(resume), weights_only=True)
    return model


@pytest.fixture
def store(add_labelled: AddLabelled) -> ShardStore:
    return add_labelled(systems=4, episodes=4, steps=10)


@pytest.mark.parametrize("budget", [{"max_epochs": 3}, {"max_steps": 3 * BATCHES}], ids=["epochs", "steps"])
def test_a_resumed_run_shows_what_is_left(store: ShardStore, tmp_path: Path, budget: dict[str, int]) -> None:
    whole = fit(store, tmp_path / "whole", **budget).seen
    assert len(whole) == 3 * BATCHES
    for name, done in {"step=3": 3, "step=8": 8, "end-epoch=0": 8, "step=9": 9, "step=21": 21}.items():
        rest = fit(store, tmp_path / name, tmp_path / "whole" / f"{name}.ckpt", **budget).seen
        assert rest == whole[done:], name


@pytest.mark.parametrize("budget", [{"max_epochs": 3}, {"max_steps": 9}], ids=["epochs", "steps"])
def test_a_limited_epoch_is_followed_by_a_new_order(store: ShardStore, tmp_path: Path, budget: dict[str, int]) -> None:
    whole = fit(store, tmp_path / "whole", limit_train_batches=3, **budget).seen
    unlimited = fit(store, tmp_path / "unlimited", max_epochs=3).seen
    assert whole == [step for epoch in range(3) for step in unlimited[epoch * BATCHES : epoch * BATCHES + 3]]
    for name, done in {"step=2": 2, "step=3": 3, "end-epoch=0": 3, "step=4": 4}.items():
        rest = fit(store, tmp_path / name, tmp_path / "whole" / f"{name}.ckpt", limit_train_batches=3, **budget).seen
        assert rest == whole[done:], name


def test_shards_that_are_added_during_an_epoch_come_in_the_next(
    store: ShardStore, tmp_path: Path, add_labelled: AddLabelled
) -> None:
    class Adds(Recorder):
        def training_step(self, batch: Batch, batch_idx: int) -> torch.Tensor:
            if self.global_step == 2:
                add_labelled(systems=4, episodes=4, steps=10, round=1)
            return super().training_step(batch, batch_idx)

    model = Adds()
    dm = TrajectoryDataModule(str(store.root), systems=4, rows=5)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    trainer = Trainer(
        accelerator="cpu", max_epochs=2, reload_dataloaders_every_n_epochs=1, enable_checkpointing=False, **quiet
    )
    trainer.fit(model, dm)
    rounds = [{row[1] for row in windows} for windows, _ in model.seen]
    assert rounds[:BATCHES] == [{0.0}] * BATCHES
    assert set.union(*rounds[BATCHES:]) == {0.0, 1.0}
    assert len(rounds) == 3 * BATCHES
