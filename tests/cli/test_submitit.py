"""A sweep by Hydra's submitit launcher: each job in a process of its own, as on a cluster."""

from __future__ import annotations

import os
import pickle
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hyperdyn import config
from hyperdyn.cli import main
from hyperdyn.shards.store import ShardStore

pytest.importorskip("hydra_plugins.hydra_submitit_launcher", reason="the extra 'slurm' is not installed")

TRAIN = (
    "train -m env=pendulum data_dir=data trainer=cpu trainer.max_steps=1 trainer.enable_progress_bar=false"
    " data.systems=2 data.rows=4 data.horizon=1 data.history_sizes=[0,4] model.hidden=[8] ~callbacks"
    " hydra/launcher=submitit_local hydra.sweep.dir=runs/sweep"
)


def test_a_sweep_trains_each_of_its_jobs_in_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    few = ["systems.train=4", "systems.interpolation=1", "systems.extrapolation=1", "episodes=3", "steps=40"]
    assert main(["collect", "env=pendulum", *few, "data_dir=data", "workers=0"]) == 0
    done = subprocess.run(
        [sys.executable, "-m", "hyperdyn", *TRAIN.split(), "model=hyper,fixed"],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr + "".join(p.read_text() for p in Path("runs").rglob("*_log.err"))
    for method in ("hyper", "fixed"):
        run = Path("runs/sweep") / f"model={method}"
        assert (run / "checkpoints" / "last.ckpt").is_file()
        assert f"\nmethod: {method}\n" in (run / "config.yaml").read_text()
    logs = Path("runs/sweep/.submitit")
    assert sorted(re.findall(r"run folder: (.*)", "".join(p.read_text() for p in logs.rglob("*_log.out")))) == [
        "runs/sweep/model=fixed",
        "runs/sweep/model=hyper",
    ]
    outcomes = [pickle.loads(p.read_bytes())[0] for p in logs.rglob("*_result.pkl")]
    assert outcomes == ["success", "success"]


def test_the_sweep_of_the_cluster_page_composes() -> None:
    page = (Path(__file__).parents[2] / "docs" / "cluster.md").read_text()
    command, _ = re.findall(r"^hyperdyn (.*hydra/launcher=submitit_slurm.*)$", page.replace("\\\n", ""), re.M)
    name, *rest = shlex.split(command)
    overrides = [word for word in rest if word != "-m"]
    assert rest != overrides
    config.check_sweep(name, overrides)
    with config.session():
        launcher = config.compose_full(name, [o for o in overrides if o.startswith("hydra")]).hydra.launcher
    assert launcher._target_.endswith("SlurmLauncher")
    assert (launcher.gpus_per_node, launcher.timeout_min) == (1, 240)


def test_a_collection_is_shared_by_jobs_that_fill_one_folder(tmp_path: Path) -> None:
    few = "systems.train=2 systems.interpolation=0 systems.extrapolation=0 episodes=2 steps=20 workers=0"
    sweep = f"collect -m env=pendulum {few} first_system=0,2 hydra/launcher=submitit_local data_dir=data"
    done = subprocess.run(
        [sys.executable, "-m", "hyperdyn", *sweep.split()],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(i.system for i in ShardStore.open(tmp_path / "data").infos("train")) == [0, 1, 2, 3]
