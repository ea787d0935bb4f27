"""Rounds of on-policy data: the right systems, what really happened, and a run that goes on with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Trainer

from hyperdyn.callbacks.on_policy import FIRST_ROUND, OnPolicyCollection
from hyperdyn.datamodules.trajectories import TrajectoryDataModule
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError
from hyperdyn.models.fixed import Fixed
from hyperdyn.module import DynamicsModule
from hyperdyn.on_policy import OnPolicyJob
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.cem import CEM
from hyperdyn.shards.format import Header
from hyperdyn.shards.store import ShardStore
from hyperdyn.types import Plan

STEPS, H = 6, 3


def planner() -> CEM:
    return CEM(horizon=H, candidates=8, iterations=2, elites=4, keep=2)


@pytest.fixture
def data(point_mass: Family, tmp_path: Path) -> Path:
    header = Header("PointMass-v0", "point_mass", point_mass.factor_names, 2, 1, point_mass.dt, 0)
    factors = point_mass.draw("train", 3, 0)
    with ShardStore.create(tmp_path / "data", header) as store:
        for i in range(3):
            obs, action = np.random.default_rng(i).normal(size=(2, 11, 2)), np.zeros((2, 10, 1))
            store.append(split="train", system=i, round=0, factors=factors[i], obs=obs, action=action)
    return tmp_path / "data"


def fit(family: Family, data: Path, tmp_path: Path, max_steps: int = 6, **options: Any) -> tuple[Trainer, Any]:
    chosen: dict[str, Any] = {"systems": 2, "rounds": 2, "every_n_steps": 2, "steps": STEPS, "candidate_every": 2}
    callback = OnPolicyCollection(family, planner(), workers=0, **{**chosen, **options})
    torch.manual_seed(0)
    module = DynamicsModule(Fixed(family.state, hidden=[4]), family)
    datamodule = TrajectoryDataModule(str(tmp_path / "own"), fork_of=str(data), systems=2, rows=4, history_sizes=[0])
    trainer = Trainer(
        accelerator="cpu",
        max_steps=max_steps,
        limit_train_batches=2,
        logger=False,
        callbacks=[callback],
        enable_progress_bar=False,
        enable_model_summary=False,
        enable_checkpointing=False,
    )
    trainer.fit(module, datamodule)
    return trainer, callback


def replayed(family: Family, store: ShardStore, round: int) -> None:
    """Every stored episode is what its true system does from its first state under its actions."""
    for info in store.infos("train", round):
        episodes = store.load(info)
        simulator = family.simulate(np.array([info.factors]))
        start = episodes.obs[:, 0].astype(np.float64)
        after = simulator.rollout(start[None], episodes.action[None].astype(np.float64))[0]
        np.testing.assert_allclose(episodes.obs[:, 1:], after, atol=1e-5)


def test_rounds_hold_true_episodes_of_training_systems(point_mass: Family, data: Path, tmp_path: Path) -> None:
    fit(point_mass, data, tmp_path)
    store = ShardStore.open(tmp_path / "own")
    executed, considered = store.infos("train", FIRST_ROUND), store.infos("train", FIRST_ROUND + 1)
    assert [i.system for i in executed] == [i.system for i in considered] == [0, 1]
    assert executed[0].factors == tuple(point_mass.draw("train", 1, 0)[0])
    assert executed[0].lengths == (STEPS,)
    assert considered[0].lengths == (H,) * 2 * 3  # two candidates of every second decision
    assert len(store.infos("train", FIRST_ROUND + 2)) == 2
    for round in range(FIRST_ROUND, FIRST_ROUND + 4):
        replayed(point_mass, store, round)
    assert len(ShardStore.open(data)) == 3  # what others read has not changed


def test_new_systems_follow_those_that_were_met(point_mass: Family, data: Path, tmp_path: Path) -> None:
    fit(point_mass, data, tmp_path, new_systems=True)
    store = ShardStore.open(tmp_path / "own")
    assert [i.system for i in store.infos("train", FIRST_ROUND)] == [2, 3]
    assert [i.system for i in store.infos("train", FIRST_ROUND + 2)] == [4, 5]
    assert store.infos("train", FIRST_ROUND + 2)[1].factors == tuple(point_mass.draw("train", 6, 0)[5])


def test_rounds_come_when_they_are_due_and_not_after_the_end(point_mass: Family, data: Path, tmp_path: Path) -> None:
    _, by_steps = fit(point_mass, data, tmp_path, max_steps=8, first_step=4)
    assert by_steps.done == 2
    _, by_epochs = fit(point_mass, data, tmp_path / "epochs", max_steps=8, every_n_epochs=3)
    assert by_epochs.done == 1
    _, too_late = fit(point_mass, data, tmp_path / "late", max_steps=4, first_step=4)
    assert too_late.done == 0


def test_a_round_that_was_interrupted_plays_what_is_missing(
    point_mass: Family, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer, callback = fit(point_mass, data, tmp_path)
    played: list[int] = []
    monkeypatch.setattr(OnPolicyJob, "__call__", lambda self, tile: played.extend(n for n, _ in tile) or [])
    callback.done, callback.systems = 1, 4
    callback._collect(trainer, trainer.lightning_module)
    assert played == [2, 3]


def test_rounds_of_another_run_are_not_taken_over(point_mass: Family, data: Path, tmp_path: Path) -> None:
    fit(point_mass, data, tmp_path)
    with pytest.raises(ConfigError, match="rounds of an earlier run"):
        fit(point_mass, data, tmp_path)


def test_a_system_is_played_alike_whoever_shares_its_tile(point_mass: Family) -> None:
    torch.manual_seed(0)
    model = Fixed(point_mass.state, hidden=[4]).eval()
    job = OnPolicyJob(point_mass, model, planner(), STEPS, 4, 0.2, 2, 2, 0, 1)
    systems = list(enumerate(point_mass.draw("train", 3, 0)))
    together, (alone,) = job(systems), job(systems[1:2])
    np.testing.assert_allclose(together[1].obs, alone.obs, atol=1e-6)
    np.testing.assert_allclose(together[1].candidate_action, alone.candidate_action, atol=1e-6)
    assert not np.allclose(together[0].action, together[1].action)


class Counting(AbstractPlanner):
    """All the actions of its n-th plan, and of the plans that it considered, are n / 100."""

    horizon = H

    def __init__(self) -> None:
        self.count = 0

    def plan(self, cost, action_dim, generators, warm=None) -> Plan:
        self.count += 1
        actions = torch.full((len(generators), H, action_dim), self.count / 100)
        return Plan(actions, torch.zeros(len(generators)), actions[:, None].expand(-1, 2, -1, -1))


def test_candidates_are_kept_with_the_state_in_which_they_were_considered(point_mass: Family) -> None:
    job = OnPolicyJob(point_mass, Fixed(point_mass.state, hidden=[4]).eval(), Counting(), STEPS, 4, 0.0, 2, 2, 0, 1)
    (kept,) = job([(0, point_mass.draw("train", 1, 0)[0])])
    decisions = [0, 0, 2, 2, 4, 4]  # two candidates of every second one
    np.testing.assert_array_equal(kept.candidate_obs[:, 0], kept.obs[0, decisions])
    np.testing.assert_array_equal(kept.candidate_action[:, 0], kept.action[0, decisions])


def test_shared_data_are_not_added_to(point_mass: Family, data: Path) -> None:
    callback = OnPolicyCollection(point_mass, planner())
    trainer = Trainer(accelerator="cpu", max_steps=1, logger=False, callbacks=[callback], enable_checkpointing=False)
    module = DynamicsModule(Fixed(point_mass.state, hidden=[4]), point_mass)
    with pytest.raises(ConfigError, match="fork_of"):
        trainer.fit(module, TrajectoryDataModule(str(data)))
