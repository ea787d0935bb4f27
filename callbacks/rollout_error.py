"""Prediction error on systems never trained on, while training goes on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import final

from lightning.pytorch import LightningModule, Trainer

from hyperdyn.callbacks.evaluation import AbstractEvaluation, log, tag
from hyperdyn.errors import ConfigError, at_least
from hyperdyn.evaluate.prediction import add_batch
from hyperdyn.evaluate.windows import Windows
from hyperdyn.metrics import HorizonError
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.shards.store import ShardStore


@final
class RolloutError(AbstractEvaluation):
    """Logs <split>/<family>/K<k>/nrmse_<h>: NRMSE h steps ahead after k transitions of history.

    The ranks share the systems of a split, and their errors are summed exactly.

    data_dir: folder of shards that holds the splits.
    horizon: T; shown: the steps h <= T that are logged, the last one always.
    rows, context, seed: see `Windows`. Too little data for them is an error before training begins.
    """

    def __init__(
        self,
        data_dir: str,
        *,
        every_n_steps: int = 1000,
        splits: Sequence[str] = ("interpolation", "extrapolation"),
        history_sizes: Sequence[int] = (0, 1, 4, 16, 64),
        horizon: int = 10,
        shown: Sequence[int] = (1,),
        rows: int = 32,
        context: str = "support",
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_steps)
        at_least(1, self, splits=len(splits), **{f"shown[{i}]": h for i, h in enumerate(shown)})
        if max(shown, default=1) > horizon:
            raise ConfigError("RolloutError: a step beyond the horizon", got=list(shown), expected=f"at most {horizon}")
        self.data_dir = data_dir
        self.splits = tuple(splits)
        self.shown = sorted({*shown, horizon})
        self.windows = Windows(tuple(history_sizes), horizon, rows, context, seed)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        store = ShardStore.open(self.data_dir)
        for split in self.splits:
            for _ in self.windows.batches(store, split):  # better now than after the first thousand steps
                pass

    def evaluate(self, trainer: Trainer, model: AbstractDynamics) -> None:
        store = ShardStore.open(self.data_dir)
        device = next(model.parameters()).device
        share = slice(trainer.global_rank, None, trainer.world_size)
        metrics: dict[str, float] = {}
        for split in self.splits:
            sizes = self.windows.history_sizes
            errors = {k: HorizonError(self.windows.horizon, model.spec.obs_dim).to(device) for k in sizes}
            for batch in self.windows.batches(store, split, share):
                add_batch(errors, model, batch, self.windows)
            for k, error in errors.items():
                nrmse = error.compute().nrmse.tolist()
                where = tag(split, store.header.family, f"K{k}")
                metrics |= {f"{where}/nrmse_{h}": nrmse[h - 1] for h in self.shown}
        log(trainer, metrics)
