"""Data from the planner's own doing, gathered while training goes on."""

from __future__ import annotations

import copy
from contextlib import closing
from pathlib import Path
from typing import Any, cast

import torch
from lightning.pytorch import Callback, LightningModule, Trainer

from hyperdyn.callbacks.evaluation import tag
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.module import whole
from hyperdyn.on_policy import OnPolicyJob, OnPolicySystem
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.progress import Meter
from hyperdyn.shards.store import ShardStore
from hyperdyn.workers import cores, run_jobs

FIRST_ROUND = 10
"""Rounds of shards below this one are left to `hyperdyn collect`."""


class OnPolicyCollection(Callback):
    """Plan with the current model on training systems, store what happened, go on training from the warm model.

    A round comes at the end of a training epoch (see `trainer.limit_train_batches`), first after `first_step` steps,
    then after every `every_n_steps` more; or, with `every_n_epochs`, after so many epochs each time. Training sees the
    new shards from the next epoch on; the normaliser stays as it was fitted. The data module must be a fork
    (`data.fork_of`), so that they belong to this run alone.

    systems: training systems 0 to systems - 1 are planned on, split over the ranks.
    new_systems: each round plans on so many systems that were never met, the next ones of the family's training split.
    steps, history, risk, noise, candidates, candidate_every: see `hyperdyn.on_policy.OnPolicyJob`.
    tile: systems planned for together.
    workers: processes; null is one per core, 0 this one. On a GPU it is this one.
    """

    def __init__(
        self,
        family: Family,
        planner: AbstractPlanner,
        *,
        systems: int = 100,
        rounds: int = 5,
        first_step: int = 0,
        every_n_steps: int = 2000,
        every_n_epochs: int | None = None,
        new_systems: bool = False,
        steps: int | None = None,
        history: int = 16,
        risk: float = 0.0,
        noise: float = 0.25,
        candidates: int = 2,
        candidate_every: int = 5,
        tile: int = 16,
        workers: int | None = None,
        seed: int = 0,
    ) -> None:
        least = {"systems": systems, "every_n_steps": every_n_steps, "candidate_every": candidate_every, "tile": tile}
        for name, count in least.items():
            if count < 1:
                raise ConfigError(f"on-policy collection: {name}", got=count, expected="1 or more")
        self.family, self.planner = family, planner
        self.systems, self.rounds, self.first_step, self.every_n_steps = systems, rounds, first_step, every_n_steps
        self.settings: dict[str, Any] = {
            "steps": family.episode_steps if steps is None else steps,
            "history": history,
            "risk": risk,
            "noise": noise,
            "candidates": candidates,
            "candidate_every": candidate_every,
            "seed": seed,
        }
        self.every_n_epochs = every_n_epochs
        self.new_systems = new_systems
        self.tile = tile
        self.workers = cores() if workers is None else workers
        self.done = 0
        self.epochs = 0  # since the last round
        self.resumed = False

    def state_dict(self) -> dict[str, Any]:
        return {"done": self.done, "epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.done, self.epochs = state_dict["done"], state_dict["epochs"]
        self.resumed = True

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        if getattr(trainer.datamodule, "fork_of", None) is None:  # type: ignore[attr-defined]
            raise ConfigError(
                "on-policy collection would add this run's shards to a folder that others read",
                fix="data.root='${run_dir}/data' data.fork_of='${data_dir}'",
            )

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        root = Path(trainer.datamodule.root)  # type: ignore[attr-defined]
        if not self.resumed and any(root.glob(f"train/*-{FIRST_ROUND}.*")):
            raise ConfigError(
                "the run folder holds rounds of an earlier run, which planned with another model",
                got=str(root),
                fix=f"ckpt=last continues that run; for a new one choose another name, or delete {root}",
            )

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self.epochs += 1
        due = self.first_step + self.done * self.every_n_steps
        now = trainer.global_step >= due if self.every_n_epochs is None else self.epochs >= self.every_n_epochs
        if now and self.done < self.rounds and not 0 <= trainer.max_steps <= trainer.global_step:
            self.done += 1
            self.epochs = 0
            self._collect(trainer, pl_module)

    def _collect(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Two rounds of shards, executed episodes and candidates; those that are there are kept."""
        store: ShardStore = trainer.datamodule.store  # type: ignore[attr-defined]
        executed = FIRST_ROUND + 2 * (self.done - 1)
        considered = executed + 1
        there = {info.system for info in store.infos("train", executed)}
        first = self.systems * self.done if self.new_systems else 0
        factors = self.family.draw("train", first + self.systems, store.header.seed)
        mine = range(first, first + self.systems)[trainer.global_rank :: trainer.world_size]
        todo = [(n, factors[n]) for n in mine if n not in there]
        on_cpu = pl_module.device.type == "cpu"
        with whole(pl_module):
            model = copy.deepcopy(cast(AbstractDynamics, pl_module.model)).eval()
        job = OnPolicyJob(self.family, model, self.planner, round=self.done, **self.settings)
        tiles = [todo[i : i + self.tile] for i in range(0, len(todo), self.tile)]
        returns: list[float] = []
        title = f"on-policy round {self.done} of {self.rounds}"
        with (
            Meter(title, len(tiles), "systems", enabled=trainer.is_global_zero) as meter,
            closing(run_jobs(job, tiles, self.workers if on_cpu else 0)) as results,
        ):
            for tile in results:
                for r in tile:
                    _append(store, r, executed, considered)
                returns += [r.reward for r in tile]
                meter.advance(len(tile))
        store.close()
        total = torch.tensor([sum(returns), len(returns)], dtype=torch.float32, device=pl_module.device)
        total, count = trainer.strategy.reduce(total, reduce_op="sum").tolist()  # waits for every rank
        if count:
            name = tag("train", self.family.name, "on_policy_return")
            for logger in trainer.loggers:
                logger.log_metrics({name: total / count}, trainer.global_step - 1)


def _append(store: ShardStore, r: OnPolicySystem, executed: int, considered: int) -> None:
    if len(r.candidate_obs):  # first, so that an executed shard says that the system is done
        store.append(
            split="train",
            system=r.system,
            round=considered,
            factors=r.factors.tolist(),
            obs=r.candidate_obs,
            action=r.candidate_action,
            length=r.candidate_length,
        )
    store.append(
        split="train",
        system=r.system,
        round=executed,
        factors=r.factors.tolist(),
        obs=r.obs,
        action=r.action,
        length=r.length,
    )
