"""A run that was interrupted and continued is the run that was not, to the last bit."""

import gc
import shutil
import signal
import tempfile
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator
from omegaconf import DictConfig, OmegaConf

from hyperdyn import build, config
from hyperdyn.callbacks.evaluation import AbstractEvaluation
from hyperdyn.callbacks.videos import Videos
from hyperdyn.checkpoint import load, read_checkpoint
from hyperdyn.datamodules.trajectories import TrajectoryDataModule
from hyperdyn.envs.spec import Family
from hyperdyn.errors import PREEMPTED, CheckpointError, ConfigError, HyperdynError
from hyperdyn.evaluate.prediction import rollout_error
from hyperdyn.evaluate.windows import Windows
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.shards.format import Header
from hyperdyn.shards.store import ShardStore
from hyperdyn.train import assemble, train

STEPS, STOP = 11, 7  # the stop is in the middle of an epoch


@pytest.fixture
def data(point_mass: Family, tmp_path: Path) -> Path:
    header = Header("PointMass-v0", "point_mass", point_mass.factor_names, 2, 1, point_mass.dt, 0)
    factors = point_mass.draw("train", 4, 0)
    simulator = point_mass.simulate(factors)
    rng = np.random.default_rng(0)
    start = rng.normal(size=(4, 3, 2))
    action = rng.uniform(-1, 1, (4, 3, 20, 1)).astype(np.float32)
    obs = np.concatenate([start[:, :, None], simulator.rollout(start, action.astype(np.float64))], axis=2)
    with ShardStore.create(tmp_path / "data", header) as store:
        for i in range(4):
            store.append(split="train", system=i, round=0, factors=factors[i], obs=obs[i], action=action[i])
    return tmp_path / "data"


@pytest.fixture
def cfg(data: Path, point_mass: Family, monkeypatch: pytest.MonkeyPatch) -> DictConfig:
    monkeypatch.setattr(build, "family", lambda _: point_mass)
    return OmegaConf.create(
        {
            "seed": 0,
            "method": "mine",
            "run_dir": str(data.parent / "run"),
            "data_dir": str(data),
            "ckpt": None,
            "checkpoint_every": 100,
            "env": {},
            "model": {
                "_target_": "hyperdyn.models.hyper.Hyper",
                "hidden": [8],
                "encoder": {"_target_": "hyperdyn.nn.encoders.information.InformationEncoder", "_partial_": True},
            },
            "module": {"lr": 1e-2, "rollout_from": 5},
            "data": {
                "_target_": "hyperdyn.datamodules.trajectories.TrajectoryDataModule",
                "root": str(data),
                "systems": 2,
                "rows": 8,
                "horizon": 2,
                "history_sizes": [0, 2, 4],
            },
            "trainer": {
                "max_steps": STEPS,
                "accelerator": "cpu",
                "devices": 1,
                "log_every_n_steps": 1,
                "enable_progress_bar": False,
                "enable_model_summary": False,
            },
        }
    )


class StopAt(Callback):
    """Ends a run abruptly, as a machine does that goes away after a checkpoint was saved."""

    def on_train_batch_end(self, trainer: Trainer, module: LightningModule, *args: object) -> None:
        if trainer.global_step == STOP + 1:
            raise ConnectionAbortedError


class SigtermIn(Callback):
    def __init__(self, step: int) -> None:
        self.step = step

    def on_before_optimizer_step(self, trainer: Trainer, *args: object) -> None:
        if trainer.global_step == self.step - 1:
            signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("step", [1, 3, 4, 5, STEPS])  # of epochs of four
def test_a_run_that_sigterm_ends_writes_every_row_and_goes_on_as_if_nothing_were(
    step: int, cfg: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    cfg.trainer.limit_train_batches = 4
    whole = OmegaConf.merge(cfg, {"run_dir": cfg.run_dir + "-whole"})
    metrics, objects = train(whole)
    rows = (Path(whole.run_dir) / "metrics.csv").read_text().splitlines()

    cut = OmegaConf.merge(cfg, {"ckpt": "last"})
    plugins = build.plugins
    monkeypatch.setattr(build, "plugins", lambda *a, **k: [*plugins(*a, **k), SigtermIn(step)])
    with pytest.raises(SystemExit) as left:
        train(cut)
    assert left.value.code == PREEMPTED
    last = Path(cut.run_dir) / "checkpoints/last.ckpt"
    if step < STEPS:
        assert read_checkpoint(last)["global_step"] == step
    else:
        assert not last.exists()  # going on from there, Lightning would not do what is done at the end of a fit
    assert (Path(cut.run_dir) / "metrics.csv").read_text().splitlines() == rows[: 1 + step]
    monkeypatch.setattr(build, "plugins", plugins)
    again, resumed = train(cut)

    assert again == metrics
    for key, value in objects.module.state_dict().items():
        assert torch.equal(value, resumed.module.state_dict()[key]), key
    assert (Path(cut.run_dir) / "metrics.csv").read_text().splitlines() == rows


def test_sigterm_before_the_first_step_is_told_by_the_exit_status_too(
    cfg: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader = TrajectoryDataModule.train_dataloader

    def ended(self: TrajectoryDataModule) -> object:
        sigterm()
        return loader(self)

    monkeypatch.setattr(TrajectoryDataModule, "train_dataloader", ended)
    with pytest.raises(SystemExit) as left:
        train(cfg)
    assert left.value.code == PREEMPTED


class Look(AbstractEvaluation):
    """Writes down that it looked, unless something happens the first time."""

    def __init__(self, happens: Callable[[], object], file: Path) -> None:
        super().__init__(every_n_steps=0)
        self.happens, self.file = happens, file

    def evaluate(self, trainer: Trainer, model: AbstractDynamics) -> None:
        if not self.file.with_suffix(".begun").exists():
            self.file.with_suffix(".begun").touch()
            self.happens()
        self.file.touch()


def kill() -> None:
    raise ConnectionAbortedError


def fail(self: object) -> None:
    raise HyperdynError("there is too little data")


def sigterm() -> None:
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize(("happens", "leaves"), [(kill, ConnectionAbortedError), (sigterm, SystemExit)])
def test_what_is_done_at_the_end_is_done_when_a_run_goes_on_that_was_cut_there(
    happens: Callable[[], object], leaves: type[BaseException], cfg: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, plugins = Path(cfg.data_dir).with_name("looked"), build.plugins
    monkeypatch.setattr(build, "plugins", lambda *a, **k: [*plugins(*a, **k), Look(happens, file)])
    cut = OmegaConf.merge(cfg, {"ckpt": "last", "checkpoint_every": STEPS})
    with pytest.raises(leaves):
        train(cut)
    assert not file.exists()
    _, objects = train(cut)
    assert file.exists()
    assert objects.trainer.global_step == STEPS


def test_what_a_run_before_left_is_not_taken_for_that_of_one_begun_anew(
    cfg: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, plugins = Path(cfg.run_dir), build.plugins
    train(cfg)
    for name in ("results.json", "diverged.txt"):
        (run / name).touch()
    before = [(run / name).read_bytes() for name in ("config.yaml", "metrics.csv")]
    with monkeypatch.context() as patch:
        patch.setattr(TrajectoryDataModule, "train_dataloader", fail)
        with pytest.raises(HyperdynError, match="too little"):
            train(OmegaConf.merge(cfg, {"seed": 5}))
    assert (run / "checkpoints" / "last.ckpt").is_file()  # not begun yet
    assert [(run / name).read_bytes() for name in ("config.yaml", "metrics.csv")] == before
    monkeypatch.setattr(build, "plugins", lambda *a, **k: [*plugins(*a, **k), StopAt()])
    with pytest.raises(ConnectionAbortedError):
        train(OmegaConf.merge(cfg, {"seed": 5}))
    left = {path.name for path in run.rglob("*")}
    assert (run / "metrics.csv").read_text().splitlines()[1] != before[1].decode().splitlines()[1]
    assert not left & {"last.ckpt", "results.json", "diverged.txt"}


@pytest.mark.parametrize("torn", ["0,0", "0,0.25,0.3", "0,7,0.5,1.5"])
def test_a_row_that_a_kill_left_torn_is_left_out_and_no_other(torn: str, cfg: DictConfig) -> None:
    file = Path(cfg.run_dir) / "metrics.csv"
    train(cfg)
    rows = file.read_text()
    with file.open("a") as f:
        f.write(torn)
    train(OmegaConf.merge(cfg, {"ckpt": "last"}))
    assert file.read_text() == rows


def test_a_run_that_may_not_go_on_is_left_as_it_was(cfg: DictConfig) -> None:
    train(cfg)
    files = [path for path in Path(cfg.run_dir).rglob("*") if path.is_file() and "tensorboard" not in path.parts]
    before = [path.read_bytes() for path in files]
    for asked, said in (
        ({"module": {"lr": 1e-5}}, "rates it began with"),
        ({"module": {"weight_decay": 0.1}}, "weight_decay"),
        ({"model": {"hidden": [6]}}, "do not fit the model"),
    ):
        with pytest.raises(CheckpointError, match=said):
            train(OmegaConf.merge(cfg, {"ckpt": "last", "seed": 77, **asked}))
    assert [path.read_bytes() for path in files] == before


def test_a_checkpoint_is_replaced_in_one_step_wherever_temporary_files_are(
    cfg: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(Path(cfg.data_dir) / "not_there"))
    train(OmegaConf.merge(cfg, {"checkpoint_every": 2}))
    assert [path.name for path in (Path(cfg.run_dir) / "checkpoints").iterdir()] == ["last.ckpt"]


def test_a_resumed_run_equals_an_uninterrupted_one(cfg: DictConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = OmegaConf.merge(cfg, {"run_dir": cfg.run_dir + "-whole"})
    metrics, objects = train(whole)

    cut = OmegaConf.merge(cfg, {"checkpoint_every": STOP, "ckpt": "last"})
    plugins = build.plugins
    monkeypatch.setattr(build, "plugins", lambda *a, **k: [*plugins(*a, **k), StopAt()])
    with pytest.raises(ConnectionAbortedError):
        train(cut)
    assert read_checkpoint(Path(cut.run_dir) / "checkpoints/last.ckpt")["global_step"] == STOP
    monkeypatch.setattr(build, "plugins", plugins)
    again, resumed = train(cut)

    assert again == metrics
    for key, value in objects.module.state_dict().items():
        assert torch.equal(value, resumed.module.state_dict()[key]), key
    assert (Path(cut.run_dir) / "metrics.csv").read_text() == (Path(whole.run_dir) / "metrics.csv").read_text()
    assert objects.trainer.optimizers[0].state_dict()["state"][0]["step"] == STEPS


class EpochEnds(Callback):
    """Notes the steps at which epochs ended; the machine goes away at one of them, or before the step after it."""

    def __init__(self, dies: str = "", at: int = 0) -> None:
        self.ends: list[int] = []
        self.dies, self.at = dies, at

    def state_dict(self) -> dict[str, list[int]]:
        return {"ends": self.ends.copy()}

    def load_state_dict(self, state_dict: dict[str, list[int]]) -> None:
        self.ends = state_dict["ends"]

    def on_train_epoch_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        self._die("at the end", trainer)
        self.ends.append(trainer.global_step)

    def on_train_batch_start(self, trainer: Trainer, *args: object) -> None:
        self._die("after it", trainer)

    def _die(self, where: str, trainer: Trainer) -> None:
        if (where, trainer.global_step) == (self.dies, self.at):
            raise ConnectionAbortedError


@pytest.mark.parametrize("length", [{}, {"max_steps": -1, "max_epochs": 4}])
@pytest.mark.parametrize(("dies", "goes_on_from"), [("at the end", 5), ("after it", 6)])
def test_what_is_done_at_an_epochs_end_is_done_once_however_a_run_was_cut(
    dies: str, goes_on_from: int, length: dict[str, int], cfg: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A round of planning takes far longer than a step: most machines that go away do so in one."""
    cut = OmegaConf.merge(cfg, {"checkpoint_every": 1, "ckpt": "last", "trainer": {"limit_train_batches": 3, **length}})
    plugins = build.plugins

    def run(cfg: DictConfig, callback: EpochEnds) -> tuple[dict[str, float], list[int]]:
        monkeypatch.setattr(build, "plugins", lambda *a, **k: [*plugins(*a, **k), callback])
        return train(cfg)[0], callback.ends

    whole = run(OmegaConf.merge(cut, {"run_dir": cut.run_dir + "-whole"}), EpochEnds())
    with pytest.raises(ConnectionAbortedError):
        run(cut, EpochEnds(dies, at=6))
    assert read_checkpoint(Path(cut.run_dir) / "checkpoints/last.ckpt")["global_step"] == goes_on_from
    assert run(cut, EpochEnds()) == whole
    assert whole[1] == [3, 6, 9, 12 if length else STEPS]


def living(kind: type) -> set[int]:
    gc.collect()
    return {id(o) for o in gc.get_objects() if isinstance(o, kind)}


@pytest.mark.parametrize("fails", [False, True])
def test_a_training_leaves_nothing_behind_in_its_process(
    fails: bool, cfg: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else what runs after it does not end when it is asked to, and a suite's cells fill the memory."""
    plugins = build.plugins
    monkeypatch.setattr(build, "plugins", lambda *a, **k: [*plugins(*a, **k), *([StopAt()] if fails else [])])
    before, others = signal.getsignal(signal.SIGTERM), living(Trainer)
    with pytest.raises(ConnectionAbortedError) if fails else nullcontext():
        train(cfg)
    assert signal.getsignal(signal.SIGTERM) is before
    assert living(Trainer) <= others


def test_a_run_leaves_what_load_needs(cfg: DictConfig) -> None:
    _, objects = train(cfg)
    loaded = load(cfg.run_dir)
    assert loaded.norm.fitted
    for key, value in objects.module.model.state_dict().items():
        assert torch.equal(value, loaded.state_dict()[key]), key
    assert OmegaConf.load(Path(cfg.run_dir) / "config.yaml").module.lr == 1e-2


def test_a_finished_run_continued_changes_nothing(cfg: DictConfig) -> None:
    train(cfg)
    before = load(cfg.run_dir).state_dict()
    _, objects = train(OmegaConf.merge(cfg, {"ckpt": "last"}))
    assert objects.trainer.global_step == STEPS
    for key, value in before.items():
        assert torch.equal(value, load(cfg.run_dir).state_dict()[key]), key


def test_the_normaliser_of_a_trained_model_stays_when_data_change(cfg: DictConfig) -> None:
    train(cfg)
    before = load(cfg.run_dir).norm.change_std
    longer = OmegaConf.merge(cfg, {"ckpt": "last", "trainer": {"max_steps": STEPS + 1}})
    store = ShardStore.open(cfg.data_dir)
    far = np.random.default_rng(1).normal(size=(2, 6, 2)) * 100
    store.append(split="train", system=9, round=0, factors=[1.0, 1.0], obs=far, action=np.zeros((2, 5, 1)))
    train(longer)
    assert torch.equal(load(cfg.run_dir).norm.change_std, before)


def test_a_checkpoint_that_is_not_there_is_an_error_in_words(cfg: DictConfig) -> None:
    with pytest.raises(CheckpointError, match="no such checkpoint"):
        train(OmegaConf.merge(cfg, {"ckpt": "nowhere.ckpt"}))


def test_a_constant_rate_stays_where_the_warm_up_left_it(cfg: DictConfig) -> None:
    module = {"schedule": "constant", "warmup_steps": 2}
    _, objects = train(OmegaConf.merge(cfg, {"module": module}))
    assert objects.trainer.optimizers[0].param_groups[0]["lr"] == 1e-2
    _, objects = train(OmegaConf.merge(cfg, {"module": {"warmup_steps": 2}}))
    assert objects.trainer.optimizers[0].param_groups[0]["lr"] == pytest.approx(0.0)


def weights(cfg: DictConfig, encoder_lr: float | None, steps: int = STEPS) -> dict[str, torch.Tensor]:
    run = {"run_dir": f"{cfg.run_dir}-{encoder_lr}-{steps}", "module": {"encoder_lr": encoder_lr}}
    _, objects = train(OmegaConf.merge(cfg, run, {"trainer": {"max_steps": steps}}))
    return dict(objects.module.model.named_parameters())


def test_a_history_encoder_may_have_a_rate_of_its_own(cfg: DictConfig) -> None:
    plain, same = weights(cfg, None), weights(cfg, cfg.module.lr)
    assert [key for key in plain if not torch.equal(plain[key], same[key])] == []
    early, late = weights(cfg, 0.0, steps=2), weights(cfg, 0.0)
    stood = {key for key in early if torch.equal(early[key], late[key])}
    assert stood == {key for key in early if key.startswith("encoder.")}
    with pytest.raises(ConfigError, match="0 or more, or null"):  # torch would climb the loss
        weights(cfg, -1e-3)


def test_an_encoder_of_views_learns_at_the_rate_of_encoders(cfg: DictConfig) -> None:
    vision = {"_target_": "hyperdyn.nn.vision.encoder.VoxelEncoder", "_partial_": True, "cells": 8, "levels": 8}
    cfg.model.update({"_target_": "hyperdyn.models.hyper_vision.HyperVision", "vision": vision})
    early, late = weights(cfg, 0.0, steps=2), weights(cfg, 0.0)
    stood = {key for key in early if torch.equal(early[key], late[key])}
    assert stood == {key for key in early if key.startswith(("encoder.", "vision."))}


def test_a_run_goes_on_at_its_own_rates(cfg: DictConfig) -> None:
    train(cfg)
    for rates in ({"lr": 5e-3}, {"encoder_lr": 1e-2}):
        with pytest.raises(CheckpointError, match="rates it began with"):
            train(OmegaConf.merge(cfg, {"ckpt": "last", "module": rates}))


def test_mixed_precision_trains_and_others_are_refused(cfg: DictConfig) -> None:
    clip = config.compose("train").trainer.gradient_clip_val
    assert clip is not None
    _, objects = train(OmegaConf.merge(cfg, {"trainer": {"precision": "bf16-mixed", "gradient_clip_val": clip}}))
    assert objects.trainer.optimizers[0].state_dict()["state"][0]["step"] == STEPS
    assert all(torch.isfinite(p).all() and p.dtype == torch.float32 for p in objects.module.parameters())
    with pytest.raises(ConfigError, match="precision"):
        train(OmegaConf.merge(cfg, {"trainer": {"precision": "64-true"}}))


def test_a_film_is_told_what_the_method_of_its_run_is_called(cfg: DictConfig) -> None:
    film = {"_target_": "hyperdyn.callbacks.videos.Videos", "planner": {"_target_": "hyperdyn.planning.cem.CEM"}}
    found = assemble(OmegaConf.merge(cfg, {"callbacks": {"film": film}})).trainer.callbacks
    assert [callback.method for callback in found if isinstance(callback, Videos)] == ["mine"]


@pytest.mark.parametrize("asked", [{"accelerator": "gpu", "devices": -1}, {"accelerator": "abacus"}, {"dveices": 2}])
def test_what_lightning_refuses_is_an_error_in_words(
    asked: dict[str, object], cfg: DictConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in (CUDAAccelerator, MPSAccelerator):
        monkeypatch.setattr(kind, "is_available", staticmethod(lambda: False))
    with pytest.raises(ConfigError, match="trainer=cpu"):
        train(OmegaConf.merge(cfg, {"trainer": asked}))


def average() -> dict[str, object]:
    """The callback of `callbacks=ema`, with an average of a few steps."""
    node: dict[str, object] = build.plain(config.compose("train", ["callbacks=ema"]).callbacks.average)
    return {**node, "decay": 0.5}


def test_averaged_weights_are_what_a_run_keeps(cfg: DictConfig) -> None:
    _, objects = train(OmegaConf.merge(cfg, {"callbacks": {"average": average()}}))
    plain = OmegaConf.merge(cfg, {"run_dir": cfg.run_dir + "-plain"})
    train(plain)
    kept, last = load(cfg.run_dir).state_dict(), load(plain.run_dir).state_dict()
    for key, value in objects.module.model.state_dict().items():
        assert torch.equal(value, kept[key]), key
    assert not torch.equal(kept["hypernetwork.theta0"], last["hypernetwork.theta0"])


@pytest.mark.parametrize("every", [0, 1])
def test_averaged_weights_are_what_a_run_is_judged_by(every: int, cfg: DictConfig) -> None:
    """At the end of the fit as amid it, which changes no bit of what is kept."""
    asked = {"data_dir": cfg.data_dir, "splits": ["train"], "history_sizes": [4], "horizon": 2, "rows": 4}
    watch = {"_target_": "hyperdyn.callbacks.rollout_error.RolloutError", "every_n_steps": every, **asked}
    watched = OmegaConf.merge(cfg, {"callbacks": {"watch": watch, "average": average()}})
    alone = OmegaConf.merge(cfg, {"run_dir": cfg.run_dir + "-alone", "callbacks": {"average": average()}})
    metrics, _ = train(watched)
    train(alone)
    kept, expected = load(watched.run_dir), load(alone.run_dir).state_dict()
    assert all(torch.equal(value, expected[key]) for key, value in kept.state_dict().items())
    judge: dict[str, Any] = {"method": "kept", "splits": ["train"], "windows": Windows((4,), 2, 4), "progress": False}
    (score,) = rollout_error(kept, ShardStore.open(cfg.data_dir), **judge)
    assert [metrics[f"train/point_mass/K4/nrmse_{h}"] for h in (1, 2)] == pytest.approx(score.nrmse, rel=1e-6)


def test_systems_met_after_the_first_step_are_in_what_an_averaged_run_keeps(cfg: DictConfig) -> None:
    cfg.model = {"_target_": "hyperdyn.models.experts.Experts", "systems": 4, "hidden": [8]}
    train(OmegaConf.merge(cfg, {"callbacks": {"average": average()}}))
    assert torch.isfinite(load(cfg.run_dir).state_dict()["factors"]).all()


@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler on a CPU")
def test_a_compiled_loss_trains_as_a_plain_one(cfg: DictConfig) -> None:
    one_shape = {"data": {"history_sizes": [4], "horizon": 1}, "trainer": {"max_steps": 4}}  # each is compiled anew
    losses = {}
    for compiled in (False, True):
        own = {"run_dir": f"{cfg.run_dir}-{compiled}", "module": {"compile": compiled}}
        metrics, objects = train(OmegaConf.merge(cfg, one_shape, own))
        losses[compiled] = metrics["train/point_mass/loss"]
        assert (objects.module._loss == objects.module.loss) is not compiled
    assert losses[True] == pytest.approx(losses[False], rel=1e-4)
