"""Gradients and running statistics of N processes that share a batch are those of one process that has it all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import Tensor

STEPS = 5  # with contexts of 0 and 4 transitions, of one predicted step and of two
WORLDS = (4, 2, 1)  # a process that has gone through a backward pass itself should not be forked

SCRIPT = """
import os, sys
import torch
from lightning.pytorch import Callback, seed_everything
from hyperdyn import config
from hyperdyn.cli import main
from hyperdyn.train import assemble, quiet

class Keep(Callback):
    "What the optimiser is about to get and what is left at the end beside the weights, of every rank."

    def __init__(self, folder):
        self.folder = folder

    def on_before_optimizer_step(self, trainer, module, optimizer):
        gradient = torch.cat([p.grad.flatten() for p in module.parameters()])
        torch.save(gradient, f"{self.folder}/{trainer.global_step}-{trainer.global_rank}.pt")

    def on_train_end(self, trainer, module):
        torch.save(dict(module.model.named_buffers()), f"{self.folder}/buffers-{trainer.global_rank}.pt")

def fit(method, world):
    own = [f"model={method}", f"run_dir=runs/{method}-{world}", f"trainer.devices={world}"]
    own += [f"trainer.strategy={'ddp_fork' if world > 1 else 'auto'}"]
    cfg = config.compose("train", [*sys.argv[1].split(), *own])
    os.environ.pop("MASTER_PORT", None)
    os.makedirs(cfg.run_dir)
    seed_everything(0, verbose=False)
    objects = assemble(cfg)
    objects.trainer.callbacks.append(Keep(cfg.run_dir))
    objects.trainer.fit(objects.module, objects.datamodule)

systems = ["systems.train=6", "systems.interpolation=1", "systems.extrapolation=1", "episodes=3", "steps=40"]
assert main(["collect", "env=pendulum", *systems, "data_dir=data", "workers=0"]) == 0
with quiet():
    for world in map(int, sys.argv[3].split()):
        for method in sys.argv[2].split():
            fit(method, world)
"""
TRAIN = (
    "env=pendulum data_dir=data ~callbacks trainer=cpu trainer.enable_progress_bar=false"
    f" trainer.max_steps={STEPS} module.lr=0 module.rollout_from=2"  # the same weights at every step
    " data.systems=4 data.rows=8 data.horizon=2 data.history_sizes=[0,4] model.hidden=[16]"
)
METHODS = ("hyper", "hyper_probabilistic")
"""The loss of the rollouts alone; with it a likelihood, and what a method adds."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("gradients")
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, TRAIN, " ".join(METHODS), " ".join(map(str, WORLDS))],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, done.stdout
    return folder / "runs"


def gradients(run: Path, rank: int) -> Tensor:
    """Of every step, [steps, parameters]."""
    return torch.stack([torch.load(run / f"{step}-{rank}.pt", weights_only=True) for step in range(STEPS)]).double()


@pytest.mark.parametrize("world", [2, 4])
@pytest.mark.parametrize("method", METHODS)
def test_ranks_together_have_the_gradient_of_one_alone(method: str, world: int, runs: Path) -> None:
    alone = gradients(runs / f"{method}-1", 0)
    norm = alone.norm(dim=1)
    assert (norm > 0).all()
    for rank in range(world):
        shared = gradients(runs / f"{method}-{world}", rank)
        assert ((shared - alone).norm(dim=1) <= 1e-6 * norm).all(), (shared - alone).norm(dim=1) / norm


@pytest.mark.parametrize("world", [2, 4])
@pytest.mark.parametrize("method", METHODS)
def test_ranks_together_have_the_running_statistics_of_one_alone(method: str, world: int, runs: Path) -> None:
    alone = torch.load(runs / f"{method}-1" / "buffers-0.pt", weights_only=True)
    for rank in range(world):
        shared = torch.load(runs / f"{method}-{world}" / f"buffers-{rank}.pt", weights_only=True)
        assert shared.keys() == alone.keys()
        for name, value in alone.items():
            torch.testing.assert_close(shared[name], value, rtol=1e-4, atol=1e-6, msg=name)
    assert (alone.get("familiarity.count", torch.ones(1)) > 0).any()


@pytest.mark.parametrize("method", METHODS)
def test_other_systems_would_be_seen_in_a_gradient(method: str, runs: Path) -> None:
    """What the law above could not tell apart if every batch had one gradient."""
    alone = gradients(runs / f"{method}-1", 0)
    apart = torch.cdist(alone, alone)[~torch.eye(STEPS, dtype=torch.bool)]
    assert apart.min() > 1e-2 * alone.norm(dim=1).max()
