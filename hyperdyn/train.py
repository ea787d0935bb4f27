"""One training run, for the command line, the tests and notebooks alike."""

from __future__ import annotations

import atexit
import gc
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from hydra.utils import get_class
from lightning.fabric.utilities.exceptions import MisconfigurationException
from lightning.pytorch import LightningDataModule, LightningModule, Trainer, seed_everything
from lightning.pytorch.callbacks import LambdaCallback, Timer, WeightAveraging
from lightning.pytorch.loggers import TensorBoardLogger
from lightning.pytorch.strategies import ModelParallelStrategy
from lightning.pytorch.utilities.exceptions import SIGTERMException
from omegaconf import DictConfig, OmegaConf
from torch import distributed

from hyperdyn import build
from hyperdyn.checkpoint import CHECKPOINTS, DIVERGED, LAST, read_checkpoint
from hyperdyn.envs.spec import Family
from hyperdyn.errors import PREEMPTED, CheckpointError, ConfigError, DivergedError, nearest
from hyperdyn.evaluate.results import RESULTS
from hyperdyn.files import write_whole
from hyperdyn.module import DynamicsModule
from hyperdyn.preemption import Preemption
from hyperdyn.run_log import METRICS, RunLog
from hyperdyn.saver import Saver, WholeCheckpoints
from hyperdyn.steps_bar import StepsBar
from hyperdyn.trust import check_fit

PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")


@dataclass(frozen=True)
class Objects:
    """What a run was made of."""

    family: Family
    module: DynamicsModule
    datamodule: LightningDataModule
    trainer: Trainer
    timer: Timer  # of the fit, all parts of an interrupted one together


def train(cfg: DictConfig, family: Family | None = None) -> tuple[dict[str, float], Objects]:
    """Train one method on one family and leave a run folder: config, metrics, checkpoints, TensorBoard.

    family: the one that `cfg.env` describes, unless it is given: `compose("train", [...], {"name": family.name})`.

    `cfg.ckpt`: null starts anew, "last" continues this run where it stopped (or starts it), a path continues that file.

    Returns:
        The last value of every logged metric, and the objects of the run.
    """
    run = Path(cfg.run_dir)
    resume = _checkpoint(cfg.ckpt, run)
    seed_everything(cfg.seed, workers=True, verbose=False)
    torch.set_float32_matmul_precision("high")
    with quiet():
        return _fit(cfg, run, resume, family)


def _fit(cfg: DictConfig, run: Path, resume: Path | None, family: Family | None) -> tuple[dict[str, float], Objects]:
    objects = assemble(cfg, resume, family)
    from_file = None if resume is None else str(resume)
    atexit.register(_leave_group)
    try:
        objects.trainer.fit(objects.module, objects.datamodule, ckpt_path=from_file, weights_only=True)
    except DivergedError as error:
        if objects.trainer.is_global_zero:
            (run / DIVERGED).write_text(f"{error}\n")
        raise
    except SIGTERMException as error:  # Lightning's own, without a status, where no step had begun
        raise SystemExit(PREEMPTED) from error
    objects.trainer.save_checkpoint(run / CHECKPOINTS / LAST, weights_only=False)  # with all that resuming needs
    return {k: float(v) for k, v in objects.trainer.logged_metrics.items()}, objects


def _beginning(cfg: DictConfig, run: Path, anew: bool) -> LambdaCallback:
    """When all is there for a first step, leaves nothing in the run folder that would be taken for this training's."""

    def begin(trainer: Trainer, module: LightningModule) -> None:
        if trainer.is_global_zero:
            run.mkdir(parents=True, exist_ok=True)
            for file in (DIVERGED, *((f"{CHECKPOINTS}/{LAST}", METRICS, RESULTS) if anew else ())):
                (run / file).unlink(missing_ok=True)
            write_whole(run / "config.yaml", OmegaConf.to_yaml(cfg, resolve=True).encode())

    return LambdaCallback(on_train_start=begin)


def _leave_group() -> None:
    """Before the interpreter ends: a thread of gloo that lets go of a tensor after that aborts it (pytorch#190489).

    Lightning does so for NCCL alone. With FSDP on CPUs the threads stay: PyTorch's caches of sharded tensors hold them.
    """
    if distributed.is_initialized():
        distributed.destroy_process_group()
        gc.collect()  # the wrapped model, which holds the group and so its threads


@contextmanager
def quiet() -> Iterator[None]:
    """Lightning without its advertisements, and without advice that does not apply here."""
    talk = logging.getLogger("lightning.pytorch")
    before = talk.level
    talk.setLevel(logging.WARNING)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*exists and is not empty.*")  # a run folder that goes on
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)  # Lightning's own
        warnings.filterwarnings("ignore", message=".*smaller than the logging interval.*")
        try:
            yield
        finally:
            talk.setLevel(before)


def assemble(cfg: DictConfig, resume: Path | None = None, family: Family | None = None) -> Objects:
    """Every object of a run, wired and not yet run."""
    run = Path(cfg.run_dir)
    check_told(cfg)
    _check_precision(str(cfg.trainer.get("precision") or "32-true"))
    family = _family(cfg, family)
    recipe = build.recipe(cfg.model, family)
    module = DynamicsModule(build.model(recipe), family, recipe=recipe, **build.plain(cfg.module))
    datamodule = build.plugin(cfg.data, state=family.state)
    offered = {"family": family, "method": cfg.method, "run_dir": str(run), "data_dir": cfg.data_dir}
    step = _step_of(resume, module) if resume else 0
    timer = Timer()
    plugins = build.plugins(cfg.get("callbacks"), **offered)
    plugins.sort(key=lambda p: not isinstance(p, WeightAveraging))  # a step is in the average before others look at it
    bars = [StepsBar(f"train {run.name}")] if cfg.trainer.get("enable_progress_bar", True) else []
    arguments = {"plugins": [WholeCheckpoints()], **build.plain(cfg.trainer), "strategy": _strategy(cfg.trainer)}
    loggers = [TensorBoardLogger(run, name="tensorboard", version=""), RunLog(run, step)]
    last = run / CHECKPOINTS / LAST
    callbacks = [
        _beginning(cfg, run, anew=resume is None),
        timer,
        *bars,
        Saver(last, cfg.checkpoint_every),
        *plugins,
        Preemption(last),
    ]
    try:
        trainer = Trainer(**arguments, default_root_dir=run, logger=loggers, callbacks=callbacks)
    except (MisconfigurationException, TypeError, ValueError) as error:  # no GPU, an unknown accelerator or argument
        fix = "trainer=cpu, or another value of a key of `trainer`; `hyperdyn doctor` says what this machine has"
        raise ConfigError("the trainer cannot be made", got=error, fix=fix) from error
    return Objects(family, module, datamodule, trainer, timer)


def _step_of(resume: Path, module: DynamicsModule) -> int:
    """The step of a checkpoint. Raises CheckpointError unless this module goes on from there."""
    saved = read_checkpoint(resume)
    check_fit(module.state_dict(), saved["state_dict"], resume)
    module.on_load_checkpoint(saved)
    return int(saved["global_step"])


def _family(cfg: DictConfig, given: Family | None) -> Family:
    if given is None:
        return build.family(cfg.env)
    if cfg.env.name != given.name or "_target_" in cfg.env:
        raise ConfigError(
            "the configuration is of another family than the one given",
            got=cfg.env.name,
            expected=given.name,
            fix='compose("train", [...], {"name": family.name})',
        )
    return given


class FullySharded(ModelParallelStrategy):
    """Over all processes, of every host; Lightning's own default is one group of shards a host."""

    def setup_environment(self) -> None:
        self._data_parallel_size = self.num_nodes * self.num_processes
        super().setup_environment()


def _strategy(cfg: DictConfig) -> Any:
    """Lightning's own for every name but fsdp, which it has for GPUs alone under that name, and for all as this one.

    Checkpoints stay one file that any number of processes reads.
    """
    if cfg.get("strategy") != "fsdp":
        return cfg.get("strategy", "auto")
    return FullySharded(tensor_parallel_size=1, save_distributed_checkpoint=False)


def check_told(cfg: DictConfig) -> None:
    """Raises ConfigError if a method that is told the true factors would be shown turned or mirrored systems.

    Those are other objects, and their factors (a shape's number, where its mass is) stay as they were.
    """
    kinds = list(cfg.data.get("augment") or ())
    method: Any = get_class(cfg.model["_target_"])
    if kinds and (method.privileged or method.told_in_training):
        raise ConfigError(
            f"{cfg.method} is told the true factors, which are not those of an object turned or mirrored",
            got=f"data.augment=[{','.join(map(str, kinds))}]",
            expected="systems as they are",
            fix="data.augment=[]",
        )


def _check_precision(precision: str) -> None:
    """Raises ConfigError unless weights and batches stay in float32: shards, normaliser and simulators are."""
    if precision not in PRECISIONS:
        raise ConfigError("unknown precision of training", got=precision, fix=nearest(precision, PRECISIONS))


def _checkpoint(which: str | os.PathLike[str] | None, run: Path) -> Path | None:
    if which is None:
        return None
    if which == "last":
        last = run / CHECKPOINTS / LAST
        return last if last.is_file() else None
    path = Path(which)
    if not path.is_file():
        raise CheckpointError("there is no such checkpoint", got=path, fix="ckpt=last, or ckpt=PATH of a .ckpt file")
    return path
