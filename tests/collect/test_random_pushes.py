"""Every push that is collected was checked, and what was not kept is counted."""

import hashlib
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("pybullet", reason="PyBullet has wheels for Linux and Python 3.11 only")

from hyperdyn.behaviour.base import System
from hyperdyn.behaviour.random_pushes import RandomPushes, fault
from hyperdyn.collect import collect
from hyperdyn.commands.collect import redrawn
from hyperdyn.envs import load
from hyperdyn.envs.pushing.pushes import action_of
from hyperdyn.envs.pushing.scales import WORKSPACE
from hyperdyn.envs.pushing.system import state_of
from hyperdyn.envs.pushing.world import Outcome
from hyperdyn.errors import ConfigError, EnvError
from hyperdyn.shards import ShardStore


@pytest.fixture
def system() -> System:
    family = load("pushing")
    simulator = family.simulate(family.nominal[None])
    return System(simulator, simulator.reset([3]), family.state, family.objective, family.dt)


def at(x: float, y: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    return state_of(np.array([x, y, yaw, *np.zeros(10)]))


def outcome(state: np.ndarray, rested: bool = True, sunk: float = 0.0, stands: bool = True) -> Outcome:
    return Outcome(state[:3], state[3:7], False, rested, stands, 0.0, sunk, 100)


def test_what_is_wrong_with_a_push_is_named() -> None:
    cases = {
        None: (at(0.1), True, 0.0),
        "was flung": (at(0.0, 0.36), True, 0.0),
        "overlapped the tool": (at(0.1), True, 0.004),
        "did not rest": (at(0.1), False, 0.0),
        "toppled": (at(0.1), True, 0.0, False),
        "left the workspace": (at(0.0, 0.21), True, 0.0),
    }
    for expected, (after, *happened) in cases.items():
        assert fault(at(0.0), after, outcome(after, *happened)) == expected
    assert fault(at(0.0), at(np.nan), outcome(at(0.0))) == "was flung"


def test_objects_stay_on_the_table_and_most_pushes_move_them(system: System) -> None:
    played = RandomPushes(moved=0.9).play(system, 30, np.random.default_rng(0))
    assert np.abs(played.obs[..., :2]).max() <= WORKSPACE
    steps = np.diff(played.obs, axis=1)[0]
    moved = (np.hypot(steps[:, 0], steps[:, 1]) > 2e-3) | (np.abs(steps[:, 2]) > 0.02)
    assert moved.mean() >= 0.9
    # Their tools stay there too, and come from every side.
    turn = np.pi * played.action[0, :, 0]
    assert len(np.unique(np.floor(turn / (np.pi / 2)))) == 4


def test_pushes_that_leave_the_table_are_counted(system: System) -> None:
    start = system.states.copy()
    start[0, :2] = 0.19, 0.19
    played = RandomPushes(moved=0.0).play(replace(system, states=start), 8, np.random.default_rng(1))
    assert played.redrawn.get("left the workspace", 0) > 0
    assert np.abs(played.obs[..., :2]).max() <= WORKSPACE


def test_from_a_corner_only_what_is_simulated_counts_as_a_try(system: System) -> None:
    corner = system.states.copy()
    corner[:, :2] = WORKSPACE - 0.002
    played = RandomPushes(tries=12).play(replace(system, states=corner), 2, np.random.default_rng(0))
    assert np.abs(played.obs[..., :2]).max() <= WORKSPACE
    corner[:, :2] = WORKSPACE + 0.01
    with pytest.raises(EnvError, match="outside the workspace"):
        RandomPushes().play(replace(system, states=corner), 2, np.random.default_rng(0))


def test_an_object_that_nothing_moves_is_an_error_that_says_so(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(RandomPushes, "_inside", lambda *_: action_of(0.0, 0.03, 0.06, 0.2).astype(np.float32))
    centre = np.array(system.states)
    centre[0, :2] = 0.0
    with pytest.raises(EnvError, match=r"(?s)did not move.*too heavy"):
        RandomPushes(moved=1.0, tries=3).play(replace(system, states=centre), 2, np.random.default_rng(0))


def test_another_family_is_refused() -> None:
    family = load("pendulum")
    simulator = family.simulate(family.nominal[None])
    other = System(simulator, simulator.reset([0]), family.state, family.objective, family.dt)
    with pytest.raises(ConfigError, match=r"(?s)random pushes.*PendulumSimulator.*env=pushing"):
        RandomPushes().play(other, 2, np.random.default_rng(0))


def test_the_number_of_workers_changes_no_bit_and_counts_are_kept(tmp_path: Path) -> None:
    def run(workers: int) -> ShardStore:
        return collect(
            load("pushing"), tmp_path / str(workers), split="train", systems=3, episodes=2, steps=6,
            behaviour=RandomPushes(), workers=workers, progress=False,
        )  # fmt: skip

    alone, two = run(0), run(2)
    digest = {i.file: hashlib.sha256((alone.root / i.file).read_bytes()).hexdigest() for i in alone.infos()}
    assert digest == {i.file: hashlib.sha256((two.root / i.file).read_bytes()).hexdigest() for i in two.infos()}
    infos = ShardStore.open(two.root).infos()
    assert [i.redrawn for i in infos] == [i.redrawn for i in alone.infos()]
    total = sum((Counter(i.redrawn) for i in infos), Counter())
    assert total.total() > 0
    assert f"36 steps kept, {total.total()} drawn anew" in redrawn(infos)
