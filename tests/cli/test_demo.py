"""The demo, tiny: interrupted anywhere and started again, it ends where it would have ended."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from hyperdyn.checkpoint import read_checkpoint
from hyperdyn.cli import main
from hyperdyn.commands.beside import beside
from hyperdyn.errors import INTERRUPTED, PREEMPTED, HyperdynError
from hyperdyn.module import DynamicsModule

TRAIN = [
    "experiment=demo",
    'collect=[["systems.train=4","systems.interpolation=2","systems.extrapolation=2","episodes=2","steps=20","workers=0"]]',
    "trainer.max_steps=10",
    "trainer.limit_train_batches=2",
    "trainer.enable_progress_bar=false",
    "checkpoint_every=2",
    "data.systems=2",
    "data.rows=4",
    "data.horizon=2",
    "data.history_sizes=[0,4]",
    "module.rollout_from=3",
    "model.hidden=[8]",
    *(f"callbacks.{name}=null" for name in ("rollout_figures", "weight_histograms", "code_embedding")),
    "callbacks.rollout_error.history_sizes=[4]",
    "callbacks.rollout_error.horizon=2",
    "callbacks.rollout_error.rows=4",
    "+callbacks.on_policy.workers=0",
    "callbacks.on_policy.systems=2",
    "callbacks.on_policy.steps=4",
    "callbacks.on_policy.first_step=2",
    "callbacks.on_policy.every_n_steps=4",
    "+callbacks.on_policy.planner.candidates=8",
    "+callbacks.on_policy.planner.elites=4",
    "+callbacks.on_policy.planner.keep=2",
    "+callbacks.on_policy.planner.horizon=4",
]
EVALUATE = ["history_sizes=[0,4]", "horizon=2", "rows=4"]
PLAN = ["systems=2", "steps=4", "workers=0", "planner.candidates=8", "planner.elites=4", "planner.keep=2"]


def demo(folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    folder.mkdir(exist_ok=True)
    monkeypatch.chdir(folder)
    lists = {"train": TRAIN, "evaluate": EVALUATE, "plan": PLAN}
    quoted = [f"{key}=[{','.join(repr(v) for v in values)}]" for key, values in lists.items()]
    return main(["demo", "env=pendulum", "methods=[hyper]", *quoted])


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a demo that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        assert demo(folder, patch) == 0
    return folder / "runs" / "demo"


def ctrl_c() -> None:
    raise KeyboardInterrupt


def sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)  # the step goes on, and is saved


@pytest.mark.parametrize(("stop", "how"), [(1, ctrl_c), (3, ctrl_c), (6, ctrl_c), (1, sigterm), (2, sigterm)])
def test_an_interrupted_demo_goes_on_to_the_same_end(
    stop: int, how: Callable[[], None], whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stops before the first round of on-policy data, in the epoch after it, and right after the second.

    SIGTERM also when the epoch before the first round has done its last step, and the round has not been played.
    """
    step = DynamicsModule.training_step

    def interrupted(self: DynamicsModule, *args: object) -> object:
        if self.global_step == stop:
            how()
        return step(self, *args)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(DynamicsModule, "training_step", interrupted)
        assert demo(tmp_path, monkeypatch) == (INTERRUPTED if how is ctrl_c else PREEMPTED)
    assert demo(tmp_path, monkeypatch) == 0
    parts = tmp_path / "runs" / "demo"
    one, other = (read_checkpoint(run / "checkpoints" / "last.ckpt") for run in (whole, parts))
    assert one["global_step"] == other["global_step"] == 10
    for name, value in one["state_dict"].items():
        assert torch.equal(value, other["state_dict"][name]), name
    one, other = (json.loads((run / "results.json").read_text()) for run in (whole, parts))
    assert one["prediction"] == other["prediction"]
    assert {"report.html", "videos", "config.yaml", "metrics.csv"} <= {path.name for path in parts.iterdir()}


def test_another_configuration_in_the_same_folder_is_refused(tmp_path, monkeypatch, capsys) -> None:
    (tmp_path / "d/runs/demo/.done").mkdir(parents=True)
    (tmp_path / "d/runs/demo/.done/config.yaml").write_text("name: other\n")
    assert demo(tmp_path / "d", monkeypatch) != 0
    assert "another configuration" in capsys.readouterr().err


def test_a_command_beside_this_one_that_fails_says_where_to_look(tmp_path: Path) -> None:
    log = tmp_path / "run" / "train.log"
    with beside(["trian"], log, 1) as wait, pytest.raises(HyperdynError, match=r"train\.log"):
        wait()
    assert "train" in log.read_text()


def test_a_command_beside_this_one_ends_with_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []

    class Recorded(subprocess.Popen):
        def __init__(self, *args, **kwargs) -> None:
            super().__init__(*args, **kwargs)
            started.append(self)

    monkeypatch.setattr(subprocess, "Popen", Recorded)
    with pytest.raises(ZeroDivisionError), beside(["doctor"], tmp_path / "log", 1):
        raise ZeroDivisionError
    assert started[0].poll() is not None


@pytest.mark.parametrize(
    "during", ["list(all_beside({1: [['x']]}, {1: None}, 1, 1))", "with beside.beside(['x'], None, 1): time.sleep(30)"]
)
def test_commands_beside_one_that_sigterm_ends_end_with_it(during: str) -> None:
    """Left alone they would go on writing into folders in which the next call starts the same commands again."""
    code = f"""
import subprocess, sys, time
from hyperdyn.commands import beside
from hyperdyn.commands.beside import all_beside

one = "import os, time; print(os.getpid(), flush=True); time.sleep(30)"
beside._start = lambda *_: subprocess.Popen([sys.executable, "-c", one])
{during}
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    started = int(process.stdout.readline())
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == PREEMPTED
    with pytest.raises(ProcessLookupError):
        os.kill(started, 0)
