"""Training batches from shards on disk against the same kind of batch from arrays in memory.

One thread, the default batch. The rival holds all trajectories in one tensor each and indexes them with (system,
episode, t), shuffled once: the quickest loop that one writes by hand. Ours reads files, keeps context and query in
different episodes, and can stop and resume anywhere. The two take turns, so that whatever else the machine does hits
both.
"""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from timing import ratio
from torch import Tensor

from hyperdyn.datamodules.trajectories import TrajectoryDataModule
from hyperdyn.shards import Header, ShardStore

SYSTEMS, EPISODES, STEPS = 1000, 4, 100
OBS, ACTION = 18, 6  # cheetah_mix
B, N, K = 32, 64, 16
GOAL = 0.85


def run(pairs: int = 40, batches: int = 20) -> list[dict[str, object]]:
    """Batches per second of ours over those of the rival, the median over pairs; higher is better."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with tempfile.TemporaryDirectory() as folder:
            obs, action = _collected(Path(folder))
            return [_row(folder, obs, action, horizon, pairs, batches) for horizon in (1, 10)]
    finally:
        torch.set_num_threads(threads)


def _row(folder: str, obs: Tensor, action: Tensor, horizon: int, pairs: int, batches: int) -> dict[str, object]:
    ours, rival = _ours(folder, horizon), _in_memory(obs, action, horizon)
    _take(ours, 2 * SYSTEMS // B)  # every shard is mapped and has been read
    speed = ratio(lambda: _take(rival, batches), lambda: _take(ours, batches), pairs)
    name = f"loader from disk against a gather in memory, {B} x {N} windows of {horizon} steps"
    return {"name": name, "ratio": speed, "goal": GOAL, "better": "higher"}


def _take(source: Iterator[object], batches: int) -> None:
    for _ in itertools.islice(source, batches):
        pass


def _collected(folder: Path) -> tuple[Tensor, Tensor]:
    """Trajectories on disk, and the same in memory: obs [systems,E,L+1,S], action [systems,E,L,A]."""
    rng = np.random.default_rng(0)
    obs = rng.normal(size=(SYSTEMS, EPISODES, STEPS + 1, OBS)).astype(np.float32)
    action = rng.uniform(-1, 1, (SYSTEMS, EPISODES, STEPS, ACTION)).astype(np.float32)
    store = ShardStore.create(folder, Header("Benchmark-v0", "benchmark", ("one",), OBS, ACTION, 0.05, 0))
    for n in range(SYSTEMS):
        store.append(split="train", system=n, round=0, factors=(1.0,), obs=obs[n], action=action[n])
    return torch.from_numpy(obs), torch.from_numpy(action)


def _ours(folder: str, horizon: int) -> Iterator[object]:
    dm = TrajectoryDataModule(folder, systems=B, rows=N, horizon=horizon, history_sizes=[K])
    stream = dm.train_dataloader()
    while True:
        yield from stream


def _in_memory(obs: Tensor, action: Tensor, horizon: int) -> Iterator[object]:
    starts = torch.cartesian_prod(torch.arange(SYSTEMS), torch.arange(EPISODES), torch.arange(STEPS - horizon + 1))
    generator = torch.Generator().manual_seed(0)
    steps = torch.arange(horizon)
    while True:
        shuffled = starts[torch.randperm(len(starts), generator=generator)]
        for rows in shuffled.split(B * (N + K))[:-1]:
            system, episode, t = rows.unbind(1)
            s, e, c = system[: B * K], episode[: B * K], t[: B * K]
            context = obs[s, e, c], action[s, e, c], obs[s, e, c + 1]
            s, e, q = system[B * K :, None], episode[B * K :, None], t[B * K :, None] + steps
            yield context, (obs[s, e, q], action[s, e, q], obs[s, e, q + 1])


if __name__ == "__main__":
    for result in run():
        print(f"{result['name']:80s} {result['ratio']:.2f}x  (goal: at least {result['goal']}x)")
