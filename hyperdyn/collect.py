"""Collection: a behaviour plays episodes in many systems of a family, and shards keep them."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from inspect import signature
from pathlib import Path
from types import FunctionType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hyperdyn.behaviour.base import AbstractBehaviour
from hyperdyn.envs.spec import Family
from hyperdyn.episodes import EpisodeJob
from hyperdyn.errors import ConfigError, ShardError
from hyperdyn.progress import Meter
from hyperdyn.shards.format import Header, ShardInfo, fingerprint
from hyperdyn.shards.store import ShardStore
from hyperdyn.workers import run_jobs

PACKAGES = ("hyperdyn", "gymnasium", "mujoco", "numpy", "pybullet", "torch")
"""Whose versions are noted, of those that are installed: other ones may simulate or draw differently."""
RANKS = ("RANK", "SLURM_PROCID", "NODE_RANK")
"""Where torchrun, srun and Lightning say which process of a job this is."""
Item = tuple[int, NDArray[np.float64]]
"""A system: its number and its factors [F]."""


def collect(
    family: Family,
    root: Path | str,
    *,
    split: str,
    systems: int,
    episodes: int,
    behaviour: AbstractBehaviour,
    steps: int | None = None,
    seed: int = 0,
    draw_seed: int = 0,
    workers: int = 0,
    round: int = 0,
    first_system: int = 0,
    views: int | None = None,
    progress: bool = True,
) -> ShardStore:
    """One shard for each system that has none yet; those that are there are kept, so an interrupted call continues.

    The shards depend on the arguments alone, to the last bit, not on `workers` or on interruptions; pictures by OpenGL
    on its driver too. Any number of calls may work on one folder at once, and processes of torchrun or srun share the
    work.

    split, systems, first_system: which systems; system i is number i of `family.draw(split, n, draw_seed)`.
    episodes, steps: of each system; the family's own length of an episode if `steps` is None.
    seed: of initial states and of the behaviour, in each (split, round, system, episode) another.
    draw_seed: of the factors of the systems; one for all of a folder.
    workers: processes with one thread each; 0 is this one.
    round: 0 for a first collection; more data of the same systems go to later ones.
    views: of a family with cameras, what they see at the start of each episode and at every so many steps is stored
        too; 0 is the start alone, None not at all.

    Raises:
        ConfigError: a number out of its range, or a family or behaviour that cannot be sent to workers.
        EnvError: a system whose observations are not finite or not of the declared size.
        ShardError: the folder holds other data than these arguments make.
    """
    steps = family.episode_steps if steps is None else steps
    _at_least(1, systems=systems, episodes=episodes, steps=steps)
    _at_least(0, seed=seed, draw_seed=draw_seed, round=round, views=views or 0)
    _at_least(0, workers=workers, first_system=first_system)
    job = EpisodeJob(family, behaviour, split, episodes, steps, seed, round, views)
    if workers:
        _check_pickles(job)
    factors = family.draw(split, first_system + systems, draw_seed)
    maker = {"seed": seed, **description(behaviour)} | ({} if views is None else {"views": views, **_options(family)})
    store = ShardStore.create(root, header(family, draw_seed, maker))
    made_by = fingerprint(maker)
    _fill(store, job, _missing(store, job, made_by, factors, first_system), made_by, workers, progress)
    store.close()
    return store


def description(value: Any) -> Any:
    """A configured object in plain values: its class and the public attributes that its constructor left."""
    if isinstance(value, Mapping):
        return {str(k): description(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [description(v) for v in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, (type, FunctionType)):
        return f"{value.__module__}.{value.__qualname__}"
    public = {k: description(v) for k, v in vars(value).items() if not k.startswith("_")}
    return {"class": type(value).__name__, **public}


def _fill(
    store: ShardStore, job: EpisodeJob, missing: Sequence[Item], made_by: str, workers: int, progress: bool
) -> None:
    """Play in the systems that are missing, and keep each when it is done."""
    title, shown = f"collect {job.family.name} {job.split}", progress and bool(missing)
    with (
        Meter(title, len(missing), "steps", enabled=shown) as meter,
        closing(run_jobs(job, _still_missing(store, job, missing, meter), workers)) as results,
    ):
        for r in results:
            store.append(
                split=job.split,
                system=r.system,
                round=job.round,
                factors=r.factors.tolist(),
                obs=r.obs,
                action=r.action,
                length=r.length,
                maker=made_by,
                redrawn=r.redrawn,
                views=r.views,
            )
            meter.advance(job.episodes * job.steps)


def _still_missing(store: ShardStore, job: EpisodeJob, missing: Sequence[Item], meter: Meter) -> Iterator[Item]:
    """The items that nobody has made when their turn comes, in another order in each process of a job."""
    rank = next((int(os.environ[name]) for name in RANKS if name in os.environ), 0)
    order = np.random.default_rng(rank).permutation(len(missing)) if rank else range(len(missing))
    for i in order:
        store.refresh()
        if (job.split, missing[i][0], job.round) in store:
            meter.advance(0)
        else:
            yield missing[i]


def _missing(store: ShardStore, job: EpisodeJob, made_by: str, factors: NDArray[np.float64], first: int) -> list[Item]:
    there = {info.system: info for info in store.infos(split=job.split, round=job.round)}
    missing = []
    for system in range(first, len(factors)):
        if system in there:
            _check_same(there[system], job, made_by, factors[system])
        else:
            missing.append((system, factors[system]))
    return missing


def _check_same(info: ShardInfo, job: EpisodeJob, made_by: str, factors: NDArray[np.float64]) -> None:
    shape = (len(info.lengths), info.steps)
    cut = job.family.termination is None and min(info.lengths) < info.steps
    if cut or shape != (job.episodes, job.steps) or tuple(info.factors) != tuple(factors.tolist()):
        raise ShardError(
            f"{info.file} is of another collection",
            got=f"steps of its episodes {list(info.lengths)}, factors {list(info.factors)}",
            expected=f"{[job.steps] * job.episodes}, {factors.tolist()}",
            fix="collect into another folder, or with the arguments of the first time",
        )
    if info.maker not in ("", made_by):
        looks = "" if job.views is None else f", views={job.views} {_options(job.family)}"
        raise ShardError(
            f"{info.file} was collected with another behaviour, or another seed, or other cameras",
            got=f"fingerprint {info.maker}",
            expected=f"{made_by}: {job.behaviour}, seed={job.seed}{looks}",
            fix="round=N for more data of the same systems, another data_dir, or the arguments of the first time",
        )


def _options(family: Family) -> dict[str, Any]:
    """What the simulator is asked for in another way than it does by itself: another renderer, other pictures."""
    make = family.simulator
    if not isinstance(make, partial):
        return {}
    usual = {name: p.default for name, p in signature(make.func).parameters.items()}
    unusual = {name: description(value) for name, value in make.keywords.items() if value != usual.get(name)}
    return {"simulator": unusual} if unusual else {}


def header(family: Family, draw_seed: int, collector: Mapping[str, Any]) -> Header:
    """The header of a folder of this family's data; `collector` says in plain values how they are made."""
    return Header(
        env_id=family.env_id,
        family=family.name,
        factor_names=family.factor_names,
        obs_dim=family.state.obs_dim,
        action_dim=family.state.action_dim,
        dt=family.dt,
        seed=draw_seed,
        collector=collector,
        versions=versions(PACKAGES),
    )


def versions(packages: Iterable[str]) -> dict[str, str]:
    """Package name to version, of those that are installed."""
    found = {}
    for name in packages:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


def _at_least(least: int, **counts: int) -> None:
    for name, count in counts.items():
        if count < least:
            raise ConfigError(f"'{name}' of a collection", got=count, expected=f"{least} or more")


def _check_pickles(job: EpisodeJob) -> None:
    try:
        pickle.dumps(job)
    except Exception as error:
        raise ConfigError(
            "this family or behaviour cannot be sent to worker processes",
            got=f"{type(error).__name__}: {error}",
            fix="define its functions and classes at the top of a module (no lambda), or collect with workers=0",
        ) from error
