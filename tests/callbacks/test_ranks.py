"""Two processes together find what one finds alone."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from hyperdyn import envs
from hyperdyn.shards.format import Header
from hyperdyn.shards.store import ShardStore

RANK = """
import json, os, sys
from types import SimpleNamespace
import torch
import torch.distributed as dist
from hyperdyn import envs
from hyperdyn.callbacks.planning_return import PlanningReturn
from hyperdyn.callbacks.rollout_error import RolloutError
from hyperdyn.callbacks.weight_histograms import WeightHistograms
from hyperdyn.models.hyper import Hyper
from hyperdyn.nn.encoders.mean_pool import MeanPoolEncoder
from hyperdyn.planning.cem import CEM

rank, world = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
if world > 1:
    dist.init_process_group("gloo")

def reduce(tensor, reduce_op):
    if world > 1:
        dist.all_reduce(tensor, {"sum": dist.ReduceOp.SUM, "max": dist.ReduceOp.MAX}[reduce_op])
    return tensor

strategy = SimpleNamespace(reduce=reduce)
logs = {"is_global_zero": rank == 0, "loggers": [], "callback_metrics": {}, "logged_metrics": {}}
trainer = SimpleNamespace(global_rank=rank, world_size=world, global_step=1, strategy=strategy, **logs)
family = envs.load("pendulum")
torch.manual_seed(0)
model = Hyper(family.state, encoder=MeanPoolEncoder, hidden=(8,)).eval()
planner = CEM(horizon=3, candidates=8, iterations=1, elites=2, keep=1)
with torch.no_grad():
    RolloutError(sys.argv[1], splits=["interpolation"], history_sizes=[8], horizon=3, rows=10).evaluate(trainer, model)
    PlanningReturn(family, planner, systems=3, steps=4).evaluate(trainer, model)
    WeightHistograms(sys.argv[1], history=8).evaluate(trainer, model)
print("FOUND", json.dumps({k: float(v) for k, v in trainer.logged_metrics.items()}))
if world > 1:
    dist.destroy_process_group()  # threads of gloo that outlive the interpreter abort it
"""


def pendulums(root: Path) -> ShardStore:
    """Three systems: an uneven share for two ranks."""
    family, rng = envs.load("pendulum"), np.random.default_rng(0)
    store = ShardStore.create(root, Header(family.env_id, family.name, family.factor_names, 3, 1, family.dt, seed=0))
    factors = family.draw("interpolation", 3, 0)
    simulator = family.simulate(factors)
    action = rng.uniform(-1, 1, (3, 2, 30, 1)).astype(np.float32)
    start = np.repeat(simulator.reset([0, 1, 2])[:, None], 2, axis=1)
    states = np.concatenate([start[:, :, None], simulator.rollout(start, action.astype(np.float64))], axis=2)
    for n in range(3):
        obs = simulator.observe(states[n])
        store.append(split="interpolation", system=n, round=0, factors=factors[n].tolist(), obs=obs, action=action[n])
    return store


def found_by(world: int, root: Path) -> list[dict[str, float]]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    address = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": str(world)}
    team = [
        subprocess.Popen(
            [sys.executable, "-c", RANK, str(root)],
            env={**os.environ, **address, "RANK": str(rank)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]
    outputs = [process.communicate(timeout=900)[0] for process in team]
    assert [process.returncode for process in team] == [0] * world
    return [
        json.loads(line.removeprefix("FOUND")) for out in outputs for line in out.splitlines() if line[:5] == "FOUND"
    ]


def test_ranks_share_the_systems_and_agree_on_the_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store = pendulums(tmp_path / "data")
    one, two = found_by(2, store.root)
    monkeypatch.setattr(sys, "argv", ["-c", str(store.root)])
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "1")
    exec(RANK, {})  # the same script, in this process alone
    alone = json.loads(capsys.readouterr().out.split("FOUND")[1])
    assert one == two
    assert set(alone) == {
        "interpolation/pendulum/K8/nrmse_1",
        "interpolation/pendulum/K8/nrmse_3",
        "interpolation/pendulum/planning_return",
        "interpolation/pendulum/generated_spread",
    }
    for name, value in alone.items():
        assert one[name] == pytest.approx(value, rel=1e-5), name
