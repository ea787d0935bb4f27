"""A training step through Lightning against a plain loop with a fused optimiser, on the default configuration."""

from __future__ import annotations

import logging
import tempfile
import time
import warnings
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from omegaconf import DictConfig, OmegaConf
from torch.nn.utils import clip_grad_norm_

from hyperdyn import build
from hyperdyn.config import compose
from hyperdyn.module import warmup_cosine
from hyperdyn.shards.format import Header
from hyperdyn.shards.store import ShardStore
from hyperdyn.train import assemble

STEPS, SKIPPED, PAIRS = 80, 20, 5
"""Steps of a run, of which the first are not timed; runs of each kind, in turns."""


class Clock(Callback):
    """Seconds per step, from the end of one to the end of the next."""

    def __init__(self) -> None:
        self.ticks: list[float] = []

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *args: Any) -> None:
        self.ticks.append(time.perf_counter())


def run() -> list[dict[str, Any]]:
    torch.set_num_threads(1)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    warnings.simplefilter("ignore")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        cfg = configuration(Path(folder))
        for _ in range(PAIRS):
            found.append(plain_seconds(cfg) / lightning_seconds(cfg))
    note = f"steps/s of Lightning over the plain loop's; {STEPS - SKIPPED} steps, {PAIRS} pairs"
    return [
        {"name": "training through Lightning", "ratio": median(found), "goal": 0.85, "better": "higher", "note": note}
    ]


def configuration(folder: Path) -> DictConfig:
    """The default run on made-up trajectories: what they hold does not matter for time."""
    cfg = compose("train", [f"data_dir={folder / 'data'}", f"run_dir={folder / 'run'}", "trainer=cpu"])
    family = build.family(cfg.env)
    header = Header(family.env_id, family.name, family.factor_names, 18, 6, family.dt, 0)
    rng = np.random.default_rng(0)
    with ShardStore.create(folder / "data", header) as store:
        for i in range(100):
            obs, action = rng.normal(size=(4, 101, 18)), rng.uniform(-1, 1, (4, 100, 6))
            store.append(split="train", system=i, round=0, factors=family.nominal, obs=obs, action=action)
    quiet = {"trainer": {"enable_progress_bar": False, "max_steps": STEPS}, "callbacks": {}}
    return OmegaConf.merge(OmegaConf.masked_copy(cfg, [k for k in cfg if k != "callbacks"]), quiet)  # type: ignore[return-value]


def lightning_seconds(cfg: DictConfig) -> float:
    """Mean seconds of a step of `hyperdyn train`."""
    torch.manual_seed(0)
    objects = assemble(cfg)
    clock = Clock()
    objects.trainer.callbacks.append(clock)  # type: ignore[attr-defined]
    objects.trainer.fit(objects.module, objects.datamodule)
    return float(np.mean(np.diff(clock.ticks[SKIPPED:])))


def plain_seconds(cfg: DictConfig) -> float:
    """The same batches, loss, clipping, optimiser and schedule, without Lightning."""
    torch.manual_seed(0)
    objects = assemble(cfg)
    module, data = objects.module, objects.datamodule
    data.setup("fit")
    module.model.norm.fit(data.transitions())  # type: ignore[attr-defined]
    optimiser = torch.optim.Adam(module.parameters(), lr=cfg.module.lr, fused=True)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: warmup_cosine(i, 100, STEPS))
    ticks, batches = [], iter(data.train_dataloader())
    for _ in range(STEPS):
        batch = next(batches, None)
        if batch is None:
            batches = iter(data.train_dataloader())
            batch = next(batches)
        query, aux = module.loss(batch, 0)
        optimiser.zero_grad()
        (query + aux).backward()
        clip_grad_norm_(module.parameters(), cfg.trainer.gradient_clip_val)
        optimiser.step()
        schedule.step()
        ticks.append(time.perf_counter())
    return float(np.mean(np.diff(ticks[SKIPPED:])))


if __name__ == "__main__":
    print(*run(), sep="\n")
