"""Shards depend on the arguments of a collection and on nothing else."""

import hashlib
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperdyn.behaviour.base import AbstractBehaviour
from hyperdyn.behaviour.held_uniform import HeldUniform
from hyperdyn.behaviour.mixture import Mixture
from hyperdyn.behaviour.ornstein_uhlenbeck import OrnsteinUhlenbeck
from hyperdyn.behaviour.tuned_pattern import TunedPattern
from hyperdyn.collect import PACKAGES, collect, versions
from hyperdyn.envs import load
from hyperdyn.envs.simulator import AbstractSimulator, Array
from hyperdyn.envs.spec import Family
from hyperdyn.episodes import simulate_candidates
from hyperdyn.errors import ConfigError, EnvError, ShapeError, ShardError
from hyperdyn.shards import ShardStore
from hyperdyn.workers import AHEAD

PARTS: dict[str, AbstractBehaviour] = {
    "tuned": TunedPattern(candidates=4, elites=2, iterations=1, noise=0.1),
    "ou": OrnsteinUhlenbeck(),
    "held": HeldUniform(),
}
BEHAVIOUR = Mixture(PARTS, dict.fromkeys(PARTS, 1.0))


def run(root: Path, name: str = "pendulum", **changed: Any) -> ShardStore:
    arguments: dict[str, Any] = dict(split="train", systems=4, episodes=4, steps=12, behaviour=BEHAVIOUR, seed=7)
    return collect(load(name), root, progress=False, **{**arguments, **changed})


def digests(store: ShardStore) -> dict[str, str]:
    """SHA-256 of the files themselves."""
    return {i.file: hashlib.sha256((store.root / i.file).read_bytes()).hexdigest() for i in store.infos()}


def test_the_number_of_workers_changes_no_bit(tmp_path: Path) -> None:
    alone, one, two = (digests(run(tmp_path / str(n), "cheetah_mix", workers=n)) for n in (0, 1, 2))
    assert len(alone) == 4
    assert alone == one == two


def test_a_system_does_not_depend_on_who_else_is_collected(tmp_path: Path) -> None:
    whole, part = run(tmp_path / "whole"), run(tmp_path / "part", systems=2, first_system=1)
    assert digests(part) == {f: d for f, d in digests(whole).items() if "00001" in f or "00002" in f}


def test_what_is_stored_is_what_the_system_does(tmp_path: Path) -> None:
    family, store = load("pendulum"), run(tmp_path)
    factors = family.draw("train", 4, 0)
    for info in store.infos():
        assert info.factors == tuple(factors[info.system])
        data = store.load(info)
        simulator = family.simulate(factors[info.system][None])
        states = np.concatenate([simulator.state_of(data.obs[e][None, :1]) for e in range(4)])
        after = simulator.rollout(states.reshape(1, 4, -1), np.asarray(data.action, np.float64)[None])
        np.testing.assert_allclose(simulator.observe(after)[0], data.obs[:, 1:], atol=1e-5)


def test_the_folder_names_the_versions_of_all_that_simulates_and_is_installed(tmp_path: Path) -> None:
    noted = run(tmp_path / "data", systems=1, episodes=1, steps=1).header.versions
    installed = {name for name in PACKAGES if find_spec(name) is not None}
    assert {"mujoco", "pybullet", "torch"} <= set(PACKAGES)
    assert noted == {name: version(name) for name in installed}
    assert versions(["no-such-package", "torch"]) == {"torch": version("torch")}


def test_no_two_episodes_begin_alike(tmp_path: Path) -> None:
    store = run(tmp_path)
    for changed in ({"round": 1}, {"split": "extrapolation"}):
        run(tmp_path, **changed)
    store.refresh()
    first = np.concatenate([store.load(i).obs[:, 0] for i in store.infos()])
    assert len(first) == 3 * 4 * 4
    assert len(np.unique(first, axis=0)) == len(first)
    fresh = run(tmp_path / "fresh", seed=8)
    assert fresh.infos()[0].factors == store.infos(split="train")[0].factors
    assert not set(digests(fresh).values()) & set(digests(store).values())


def test_only_missing_shards_are_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    complete = digests(run(tmp_path / "complete"))
    store = run(tmp_path / "twice", systems=2)
    done = {i.file: (tmp_path / "twice" / i.file).stat().st_mtime_ns for i in store.infos()}
    played = []
    play = Mixture.play
    monkeypatch.setattr(Mixture, "play", lambda *a: played.append(1) or play(*a))
    assert digests(run(tmp_path / "twice")) == complete
    assert len(played) == 2
    assert done == {f: (tmp_path / "twice" / f).stat().st_mtime_ns for f in done}


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("name", ["RANK", "SLURM_PROCID", "NODE_RANK"])
def test_processes_of_a_job_share_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, workers: int
) -> None:
    complete = digests(run(tmp_path / "complete", systems=8))
    made: list[int] = []
    append = ShardStore.append

    def another_process(store: ShardStore, **shard: Any) -> Any:
        """When this one has made a first system, another one makes all the rest."""
        made.append(shard["system"])
        info = append(store, **shard)
        with monkeypatch.context() as there:
            there.setattr(ShardStore, "append", append)
            there.setenv(name, "0")
            run(tmp_path / "shared", systems=8)
        return info

    monkeypatch.setenv(name, "1")
    monkeypatch.setattr(ShardStore, "append", another_process)
    assert digests(run(tmp_path / "shared", systems=8, workers=workers)) == complete
    assert made[0] != 0  # where the first process begins
    assert len(made) == 1 + workers * AHEAD  # and what its worker held already


@pytest.mark.parametrize("changed", [{"episodes": 3}, {"steps": 11}, {"draw_seed": 1}])
def test_a_folder_of_another_collection_is_refused(tmp_path: Path, changed: dict[str, int]) -> None:
    before = digests(run(tmp_path, systems=2))
    with pytest.raises(ShardError, match=r"(?s)got: .*expected: .*fix: .*another folder"):
        run(tmp_path, **changed)
    assert digests(ShardStore.open(tmp_path)) == before


@dataclass
class Diverging(AbstractSimulator):
    """A simulator whose systems with a high gain answer NaN in their second episode from the third step on."""

    inner: AbstractSimulator
    broken: bool

    def __post_init__(self) -> None:
        self.batch = self.inner.batch

    def reset(self, seeds: Any) -> Array:
        return self.inner.reset(seeds)

    def observe(self, state: Array) -> Array:
        return self.inner.observe(state)

    def state_of(self, obs: Array) -> Array:
        return self.inner.state_of(obs)

    def rollout(self, state: Array, action: Array) -> Array:
        states = self.inner.rollout(state, action)
        if self.broken:
            states[:, 1, 2:] = np.nan
        return states


def test_a_system_that_diverges_is_named_and_the_others_are_kept(tmp_path: Path, point_mass: Family) -> None:
    factors = point_mass.draw("train", 4, 0)

    def simulator(of: Family, rows: Array) -> AbstractSimulator:
        return Diverging(point_mass.simulate(rows), broken=bool((rows == factors[2]).all()))

    broken = replace(point_mass, simulator=simulator)
    said = rf"system 2 of split 'train' of family 'point_mass' \(gain={factors[2, 0]:.6g}, drag={factors[2, 1]:.6g}\)"
    with pytest.raises(EnvError, match=rf"(?s){said}.*nan in entry 0 at step 3 of episode 1.*fix") as caught:
        collect(
            broken, tmp_path, split="train", systems=4, episodes=3, steps=9, behaviour=HeldUniform(), progress=False
        )
    assert str(caught.value).count("system") == 1
    assert [i.system for i in ShardStore.open(tmp_path).infos()] == [0, 1]


def test_what_cannot_go_to_a_worker_is_said_before_anything_is_made(tmp_path: Path, point_mass: Family) -> None:
    local = replace(point_mass, objective=lambda obs, action, next_obs: obs[..., 0])
    with pytest.raises(ConfigError, match="workers=0"):
        collect(local, tmp_path / "new", split="train", systems=1, episodes=1, behaviour=HeldUniform(), workers=1)
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize("wrong", [{"systems": 0}, {"steps": 0}, {"workers": -1}, {"split": "tran"}])
def test_numbers_out_of_range_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigError):
        run(tmp_path / "new", **wrong)
    assert not (tmp_path / "new").exists()


def test_candidates_are_simulated_by_their_own_system_from_their_own_state(point_mass: Family) -> None:
    rng = np.random.default_rng(0)
    factors = point_mass.draw("train", 2, 0)
    states, candidates = rng.normal(size=(2, 3, 2)), rng.uniform(-1, 1, (2, 3, 4, 5, 1)).astype(np.float32)
    obs, action = simulate_candidates(point_mass.simulate(factors), states, candidates)
    assert (obs.shape, action.shape) == ((2, 12, 6, 2), (2, 12, 5, 1))
    for b, t, m in np.ndindex(2, 3, 4):
        alone = point_mass.simulate(factors[b : b + 1])
        after = alone.rollout(states[b, t][None, None], candidates[b, t, m][None, None].astype(np.float64))[0, 0]
        np.testing.assert_allclose(obs[b, t * 4 + m], np.concatenate([states[b, t][None], after]), atol=1e-6)
        np.testing.assert_array_equal(action[b, t * 4 + m], candidates[b, t, m])
    with pytest.raises(ShapeError, match="states do not fit"):
        simulate_candidates(point_mass.simulate(factors), states[:, :2], candidates)


@pytest.mark.parametrize("changed", [{"seed": 8}, {"behaviour": OrnsteinUhlenbeck()}])
def test_what_was_made_otherwise_is_not_taken_for_what_is_asked(tmp_path: Path, changed: dict[str, Any]) -> None:
    run(tmp_path)
    with pytest.raises(ShardError, match="another behaviour, or another seed"):
        run(tmp_path, **changed)
    assert len(run(tmp_path, systems=5, **changed, round=1)) == 9  # more data of the same systems


def test_shards_of_unknown_making_are_kept(tmp_path: Path) -> None:
    store = run(tmp_path)
    for name in ("manifest.json", *(p.name for p in tmp_path.glob("*.jsonl"))):
        text = (tmp_path / name).read_text()
        (tmp_path / name).write_text(text.replace(f', "maker": "{store.infos()[0].maker}"', ""))
    assert {info.maker for info in ShardStore.open(tmp_path).infos()} == {""}
    assert digests(run(tmp_path)) == digests(store)
