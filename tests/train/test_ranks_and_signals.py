"""The same training on any number of processes, and through the end of a machine."""

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from hyperdyn.checkpoint import read_checkpoint
from hyperdyn.cli import main
from hyperdyn.errors import PREEMPTED

TRAIN = [
    "experiment=demo",
    "collect=[]",
    "env=pendulum",
    "data_dir=data",
    "ckpt=last",
    "trainer.max_steps=12",
    "trainer.accelerator=cpu",
    "trainer.strategy=ddp",
    "trainer.log_every_n_steps=1",
    "trainer.enable_progress_bar=false",
    "data.systems=4",
    "data.rows=8",
    "data.horizon=2",
    "model.hidden=[16]",
    "callbacks=rollout_error",
    "callbacks.rollout_error.rows=4",
    "callbacks.rollout_error.horizon=2",
    "callbacks.rollout_error.history_sizes=[0,4]",
    "+callbacks.on_policy.workers=0",
    "callbacks.on_policy.systems=3",
    "callbacks.on_policy.steps=4",
    "callbacks.on_policy.tile=1",
    "callbacks.on_policy.rounds=2",
    "callbacks.on_policy.first_step=4",
    "callbacks.on_policy.every_n_steps=4",
    "+callbacks.on_policy.planner.candidates=8",
    "+callbacks.on_policy.planner.elites=4",
    "+callbacks.on_policy.planner.keep=2",
    "trainer.limit_train_batches=4",
    "module.rollout_from=2",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds data of eleven pendulums, three of them unseen: no number of ranks here divides that."""
    root = tmp_path_factory.mktemp("ranks")
    systems = ["systems.train=8", "systems.interpolation=3", "systems.extrapolation=3"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert main(["collect", "env=pendulum", *systems, "episodes=3", "steps=40", "data_dir=data", "workers=0"]) == 0
    return root


def started(folder: Path, run: str, *more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "hyperdyn", "train", *TRAIN, f"run_dir={run}", *more],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.fixture(scope="module")
def alone(folder: Path) -> Path:
    """A run of one process, from beginning to end."""
    process = started(folder, "alone", "trainer.devices=1")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return folder / "alone"


def column(run: Path, name: str) -> list[float]:
    with (run / "metrics.csv").open(newline="") as file:
        return [float(row[name]) for row in csv.DictReader(file) if row.get(name)]


def assert_same(run: Path, other: Path) -> None:
    one, two = (read_checkpoint(r / "checkpoints" / "last.ckpt") for r in (run, other))
    assert one["global_step"] == two["global_step"] == 12
    for name, value in one["state_dict"].items():
        # Adam makes a step of the rounding of a gradient that is nearly zero: hence not 1e-6, as of the losses.
        torch.testing.assert_close(value, two["state_dict"][name], atol=1e-5, rtol=1e-5, msg=name)
    assert len(column(run, "on_policy/return")) == 2
    for name in (
        "train/loss",
        "on_policy/return",
        "rollout_error/interpolation/K4/nrmse_2",
        "rollout_error/extrapolation/K0/nrmse_1",
    ):
        torch.testing.assert_close(column(run, name), column(other, name), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("world", [2, 4])
def test_ranks_together_train_as_one_alone(world: int, folder: Path, alone: Path) -> None:
    """Losses, weights, metrics and rounds of planning: the same systems, however many processes share them."""
    process = started(folder, f"ranks{world}", f"trainer.devices={world}")
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert len(column(folder / f"ranks{world}", "train/loss")) == 12
    assert_same(alone, folder / f"ranks{world}")


@pytest.mark.parametrize("world", [1, 2])
def test_a_job_that_loses_its_machine_goes_on_from_the_step_at_which_it_did(
    world: int, folder: Path, alone: Path
) -> None:
    """SIGTERM to one process of all; continued on one, whatever it ran on before."""
    run = folder / f"lost{world}"
    # A long training: the signal hits it somewhere. Constant rates, so that where it was to end makes no difference.
    process = started(
        folder, run.name, f"trainer.devices={world}", "trainer.max_steps=100000", "module.schedule=constant"
    )
    deadline = time.monotonic() + 200
    while not (run / "metrics.csv").exists() or len(column(run, "train/loss")) < 3:
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    said, _ = process.communicate(timeout=200)
    assert process.returncode == PREEMPTED, said
    assert "To continue: hyperdyn train" in said
    step = read_checkpoint(run / "checkpoints" / "last.ckpt")["global_step"]
    assert step >= 3
    for name in (run.name, f"whole{world}"):
        to_the_end = ("trainer.devices=1", f"trainer.max_steps={step + 5}", "module.schedule=constant")
        said, _ = started(folder, name, *to_the_end).communicate(timeout=300)
    one, two = (read_checkpoint(folder / r / "checkpoints" / "last.ckpt") for r in (run.name, f"whole{world}"))
    assert one["global_step"] == two["global_step"] == step + 5
    if world == 1:
        for name, value in one["state_dict"].items():
            assert torch.equal(value, two["state_dict"][name]), name
    # Two ranks sum in another order, and training spreads that; another window would change a loss by far more.
    torch.testing.assert_close(
        column(run, "train/loss")[-5:], column(folder / f"whole{world}", "train/loss")[-5:], atol=0, rtol=1e-2
    )
