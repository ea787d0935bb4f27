"""Collection against a loop over Gymnasium's own environment, and two worker processes against one.

Everything on the left of a comparison is what `hyperdyn collect` does, files and their checksums included. Both sides
work in turn, so that whatever else the machine does hits both. Workers are timed once they are at work: starting an
interpreter takes seconds, however much follows.
"""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from statistics import median

import gymnasium
import numpy as np
from timing import seconds

from hyperdyn.behaviour.random_uniform import RandomUniform
from hyperdyn.collect import header
from hyperdyn.envs import load
from hyperdyn.envs.spec import Family
from hyperdyn.episodes import EpisodeJob, SystemEpisodes
from hyperdyn.shards import ShardStore
from hyperdyn.workers import AHEAD, run_jobs

REFERENCE = "HalfCheetah-v5"
EPISODES, STEPS = 8, 100
STRETCH = 20
"""Shards that a team of workers makes in one turn: half a second for one worker."""


def run(pairs: int = 12) -> list[dict[str, object]]:
    """Speed of ours over that of the other, the median over pairs; higher is better."""
    family = nominal_cheetahs()
    with tempfile.TemporaryDirectory() as folder:
        loop = against_gymnasium(family, Path(folder), pairs)
        team = two_workers_against_one(family, Path(folder), pairs)
    return [
        {"name": f"collection against a {REFERENCE} loop, one core", "ratio": loop, "goal": 1.35, "better": "higher"},
        {"name": "collection, two warm workers against one", "ratio": team, "goal": 1.9, "better": "higher"},
    ]


def nominal_cheetahs() -> Family:
    """cheetah_mix without variation: what is simulated is then the same on both sides, to the last bit."""
    family = load("cheetah_mix")
    return replace(family, factors={name: replace(f, train=(f.nominal,)) for name, f in family.factors.items()})


def against_gymnasium(family: Family, folder: Path, pairs: int) -> float:
    """A worker and the process that writes its shards share one core with the loop, which writes nothing."""
    store = ShardStore.create(folder / "alone", header(family, 0, {}))
    env = gymnasium.make(REFERENCE)
    with one_core(), closing(_team(family, 1, pairs)) as team:
        return median(seconds(lambda: _loop(env)) / _stretch(team, store) for _ in range(pairs))


def two_workers_against_one(family: Family, folder: Path, pairs: int) -> float:
    """As many shards computed and written by each team in turn, while the other one waits."""
    stores = [ShardStore.create(folder / name, header(family, 0, {})) for name in ("one", "two")]
    with closing(_team(family, 1, pairs)) as one, closing(_team(family, 2, pairs)) as two:
        return median(_stretch(one, stores[0]) / _stretch(two, stores[1]) for _ in range(pairs))


@contextmanager
def one_core() -> Iterator[None]:
    """This process, and those that it starts meanwhile, stay on one core."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _loop(env: gymnasium.Env) -> None:  # type: ignore[type-arg]
    obs = np.empty((STRETCH, EPISODES, STEPS + 1, 17), np.float32)
    # Drawn at once: `env.action_space.sample()` at each step would take longer than the physics.
    action = np.random.default_rng(0).uniform(-1, 1, (STRETCH, EPISODES, STEPS, 6)).astype(np.float32)
    for n, e in np.ndindex(STRETCH, EPISODES):
        obs[n, e, 0], _ = env.reset(seed=n * EPISODES + e)
        for t in range(STEPS):
            obs[n, e, t + 1], *_ = env.step(action[n, e, t])


def _team(family: Family, workers: int, pairs: int) -> Iterator[SystemEpisodes]:
    job = EpisodeJob(family, RandomUniform(), "train", EPISODES, STEPS, seed=0, round=0)
    items = [(n, family.nominal) for n in range((pairs + 1) * (STRETCH + 2 * AHEAD))]
    return run_jobs(job, items, workers)


def _stretch(team: Iterator[SystemEpisodes], store: ShardStore) -> float:
    """Seconds for some shards, once those are away that the team made while it was not asked."""
    _write(team, store, 2 * AHEAD)
    return seconds(lambda: _write(team, store, STRETCH))


def _write(team: Iterator[SystemEpisodes], store: ShardStore, shards: int) -> None:
    for r in itertools.islice(team, shards):
        store.append(split="train", system=r.system, round=0, factors=r.factors.tolist(), obs=r.obs, action=r.action)


if __name__ == "__main__":
    for result in run():
        print("{name}: {ratio:.2f} (goal {goal}, {better} is better)".format(**result))
