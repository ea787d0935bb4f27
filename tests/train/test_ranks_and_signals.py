"""The same training on any number of processes, and through the end of a machine."""

import csv
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
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
    "module.encoder_lr=1e-4",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Holds data of eleven pendulums, three of them unseen: no number of ranks here divides that."""
    root = tmp_path_factory.mktemp("ranks")
    systems = ["systems.train=8", "systems.interpolation=3", "systems.extrapolation=3"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        assert main(["collect", "env=pendulum", *systems, "episodes=3", "steps=40", "data_dir=data", "workers=0"]) == 0
    (root / "last_words.py").write_text(LAST_WORDS)
    return root


def started(folder: Path, run: str, *more: str, by: Sequence[str] = ("-m", "hyperdyn")) -> subprocess.Popen[str]:
    """by: what starts `hyperdyn`, Lightning the ranks, unless something else is to."""
    return subprocess.Popen(
        [sys.executable, *by, "train", *TRAIN, f"run_dir={run}", *more],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


LAST_WORDS = """\
import atexit, sys
from pathlib import Path

@atexit.register  # the first to be registered runs last
def tell():
    print("THREADS", *[(task / "comm").read_text().strip() for task in Path("/proc/self/task").glob("*")])

from hyperdyn.cli import main
sys.exit(main())
"""
"""`hyperdyn`, that names its threads at its end, on Linux: one of gloo that lets go of a tensor then aborts it."""


def assert_no_thread_of_a_group_is_left(said: str) -> None:
    told = [line for line in said.splitlines() if line.startswith("THREADS")]
    assert told
    assert all("gloo" not in line for line in told), told


HANGS = 900
"""Seconds; far more than a busy machine needs, since a slow one is no fault of ours."""


def ended(process: subprocess.Popen[str], timeout: float = HANGS) -> str:
    """What the ranks printed. Where they do not end, the test fails with what each was doing, and for how long."""
    try:
        return process.communicate(timeout=timeout)[0]
    except subprocess.TimeoutExpired:
        ranks = [process.pid, *others(process)]
        used = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:13] for pid in ranks]
        for pid in ranks[::-1]:
            os.kill(pid, signal.SIGABRT)  # faulthandler prints the stacks
        said = process.communicate()[0]
        busy = [sum(map(int, ticks)) / os.sysconf("SC_CLK_TCK") for ticks in used]
        pytest.fail(f"not ended after {timeout} s, of which its ranks were busy for {busy} s\n{said}")


def others(process: subprocess.Popen[str]) -> list[int]:
    """The ranks that rank 0 started."""
    listed = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    return [int(pid) for pid in listed.read_text().split()] if listed.exists() else []


@pytest.fixture(scope="module")
def alone(folder: Path) -> Path:
    """A run of one process, from beginning to end."""
    process = started(folder, "alone", "trainer.devices=1")
    said = ended(process)
    assert process.returncode == 0, said
    return folder / "alone"


def by_step(run: Path, name: str) -> dict[int, float]:
    with (run / "metrics.csv").open(newline="") as file:
        return {int(row["step"]): float(row[name]) for row in csv.DictReader(file) if row.get(name)}


def column(run: Path, name: str) -> list[float]:
    return list(by_step(run, name).values())


def assert_same(run: Path, other: Path) -> None:
    one, two = (read_checkpoint(r / "checkpoints" / "last.ckpt") for r in (run, other))
    assert one["global_step"] == two["global_step"] == 12
    for name, value in one["state_dict"].items():
        # Adam makes a step of the rounding of a gradient that is nearly zero: hence not 1e-6, as of the losses.
        torch.testing.assert_close(value, two["state_dict"][name], atol=1e-5, rtol=1e-5, msg=name)
    assert len(column(run, "train/pendulum/on_policy_return")) == 2
    for name in (
        "train/pendulum/loss",
        "train/pendulum/on_policy_return",
        "interpolation/pendulum/K4/nrmse_2",
        "extrapolation/pendulum/K0/nrmse_1",
    ):
        torch.testing.assert_close(column(run, name), column(other, name), atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize(("world", "strategy"), [(2, "ddp"), (4, "ddp"), (4, "fsdp")])
def test_ranks_together_train_as_one_alone(world: int, strategy: str, folder: Path, alone: Path) -> None:
    """Losses, weights, metrics and rounds of planning: the same systems, however many processes share them."""
    run = f"{strategy}{world}"
    process = started(folder, run, f"trainer.devices={world}", f"trainer.strategy={strategy}")
    said = ended(process)
    assert process.returncode == 0, said
    assert said.count("run folder: ") == 1
    assert len(column(folder / run, "train/pendulum/loss")) == 12
    assert_same(alone, folder / run)


def test_ranks_that_torchrun_starts_train_as_one_alone(folder: Path, alone: Path) -> None:
    torchrun = ("-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "hyperdyn")
    process = started(folder, "torchrun", "trainer.devices=2", by=torchrun)
    said = ended(process)
    assert process.returncode == 0, said
    assert said.count("run folder: ") == 1
    assert_same(alone, folder / "torchrun")


def test_no_thread_of_a_process_group_outlives_a_training(folder: Path) -> None:
    process = started(folder, "told", "trainer.devices=1", "trainer.max_steps=2", by=["last_words.py"])
    said = ended(process)
    assert process.returncode == 0, said
    assert_no_thread_of_a_group_is_left(said)


STEADY = ("module.schedule=constant", "module.lr=1e-4")
"""Slow, so that what ranks round differently has not grown into another training by the time that the signal comes."""


def long_training(folder: Path, run: str, *more: str) -> subprocess.Popen[str]:
    """One that something will end in mid-epoch; at constant rates, so that where it was to end is no matter."""
    process = started(folder, run, "trainer.max_steps=100000", *STEADY, *more, by=["last_words.py"])
    deadline = time.monotonic() + HANGS
    while not (folder / run / "metrics.csv").exists() or len(column(folder / run, "train/pendulum/loss")) < 3:
        assert process.poll() is None
        if time.monotonic() > deadline:
            ended(process, timeout=0)
        time.sleep(0.05)
    return process


def assert_goes_on(folder: Path, run: str, *, bitwise: bool, may_lack_the_saved: bool = False) -> None:
    """Continued on one process, a run that was ended does what one does that nothing happened to.

    may_lack_the_saved: the row of the very step that was saved, written after its checkpoint, and no other.
    """
    step = read_checkpoint(folder / run / "checkpoints" / "last.ckpt")["global_step"]
    for name in (run, f"whole-{run}"):
        to_the_end = ("trainer.devices=1", f"trainer.max_steps={step + 5}", *STEADY)
        said = ended(started(folder, name, *to_the_end))
    one, two = (read_checkpoint(folder / r / "checkpoints" / "last.ckpt") for r in (run, f"whole-{run}"))
    assert one["global_step"] == two["global_step"] == step + 5, said
    if bitwise:
        for name, value in one["state_dict"].items():
            assert torch.equal(value, two["state_dict"][name]), name
    # Two ranks sum in another order, and training spreads that; another window would change a loss by far more.
    one, two = (by_step(folder / r, "train/pendulum/loss") for r in (run, f"whole-{run}"))
    assert list(two) == list(range(step + 5))
    assert list(one) in [list(two), [s for s in two if s != step - 1]][: 1 + may_lack_the_saved]
    last = range(step, step + 5)
    torch.testing.assert_close([one[s] for s in last], [two[s] for s in last], atol=0, rtol=1e-2)


@pytest.mark.parametrize(("world", "strategy"), [(1, "ddp"), (2, "ddp"), (2, "fsdp")])
def test_a_job_that_loses_its_machine_goes_on_from_the_step_at_which_it_did(
    world: int, strategy: str, folder: Path
) -> None:
    """SIGTERM to one process of all; continued on one, whatever it ran on before."""
    run = f"lost-{strategy}{world}"
    process = long_training(folder, run, f"trainer.devices={world}", f"trainer.strategy={strategy}")
    process.send_signal(signal.SIGTERM)
    said = ended(process)
    assert process.returncode == PREEMPTED, said
    assert said.count("To continue: hyperdyn train") == 1  # not once a rank
    if strategy == "ddp":  # what PyTorch caches of tensors in shards keeps their group
        assert_no_thread_of_a_group_is_left(said)
    assert read_checkpoint(folder / run / "checkpoints" / "last.ckpt")["global_step"] >= 3
    assert_goes_on(folder, run, bitwise=world == 1)


@pytest.mark.skipif(sys.platform != "linux", reason="finds the other rank in /proc")
def test_a_job_whose_rank_is_killed_ends_and_goes_on_from_its_last_checkpoint(folder: Path) -> None:
    """No signal that could be caught: what is left is the checkpoint before, and the windows after it come again."""
    process = long_training(folder, "killed", "trainer.devices=2", "checkpoint_every=1")
    (other,) = others(process)
    os.kill(other, signal.SIGKILL)
    ended(process)
    assert process.returncode not in (0, PREEMPTED)
    assert_goes_on(folder, "killed", bitwise=False, may_lack_the_saved=True)
