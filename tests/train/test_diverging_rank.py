"""A loss that is not finite on one process ends the run on all of them, with the same words."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import os, time
from hyperdyn import config
from hyperdyn.cli import main
from hyperdyn.module import DynamicsModule
from hyperdyn.train import assemble, quiet

def training_step(self, batch, batch_idx):
    "Keeps each rank's error; the first to leave would have the other terminated."
    try:
        return step(self, batch, batch_idx)
    except Exception as error:
        with open(f"part{self.global_rank}", "w") as file:
            file.write(f"{type(error).__name__}: {error}")
        os.replace(file.name, f"rank{self.global_rank}")
        deadline = time.monotonic() + 60
        while not os.path.exists(f"rank{1 - self.global_rank}") and time.monotonic() < deadline:
            time.sleep(0.1)
        raise

def loss(self, batch, rolled):
    query, aux = sound(self, batch, rolled)
    return query * (float("nan") if self.global_rank == 1 and self.global_step == 2 else 1), aux

sound, DynamicsModule.loss = DynamicsModule.loss, loss
step, DynamicsModule.training_step = DynamicsModule.training_step, training_step
systems = ["systems.train=6", "systems.interpolation=1", "systems.extrapolation=1", "episodes=3", "steps=40"]
assert main(["collect", "env=pendulum", *systems, "data_dir=data", "workers=0"]) == 0
train = "env=pendulum model=fixed data_dir=data ~callbacks trainer=cpu trainer.enable_progress_bar=false"
train += " trainer.devices=2 trainer.strategy=ddp_fork trainer.max_steps=5 trainer.log_every_n_steps=1"
train += " data.systems=4 data.rows=8 data.history_sizes=[0] model.hidden=[16]"
objects = assemble(config.compose("train", train.split()))
with quiet():
    objects.trainer.fit(objects.module, objects.datamodule)
"""


def test_all_ranks_leave_where_one_diverges(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode != 0
    there = [path.name for path in sorted(tmp_path.glob("rank*"))]
    assert there == ["rank0", "rank1"], done.stdout
    said = [(tmp_path / name).read_text() for name in there]
    assert said[0] == said[1]
    assert said[0].startswith("DivergedError: the training loss is not finite at step 2")
    assert "got:      nan" in said[0]
