"""What callbacks write, read back from TensorBoard and from the run folder."""

import copy
import csv
import re
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.pytorch import Callback, LightningModule, Trainer
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from omegaconf import OmegaConf
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from hyperdyn import build
from hyperdyn.callbacks import rollout_figures
from hyperdyn.callbacks.code_embedding import CodeEmbedding
from hyperdyn.callbacks.dashboard import PAGES
from hyperdyn.callbacks.planning_return import PlanningReturn
from hyperdyn.callbacks.rollout_error import RolloutError
from hyperdyn.callbacks.rollout_figures import RolloutFigures
from hyperdyn.callbacks.videos import Videos
from hyperdyn.callbacks.weight_histograms import WeightHistograms
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, ShardError
from hyperdyn.evaluate.prediction import rollout_error
from hyperdyn.evaluate.windows import Windows
from hyperdyn.figures.rollouts import Rollout
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.models.fixed import Fixed
from hyperdyn.models.hyper import Hyper
from hyperdyn.module import CHECKPOINT_VERSION
from hyperdyn.nn.encoders.mean_pool import MeanPoolEncoder
from hyperdyn.planning.cem import CEM
from hyperdyn.shards.store import ShardStore

SMALL = {"history_sizes": (0, 8), "horizon": 4, "rows": 10}


class Module(LightningModule):
    """Trains a model on one step of random-looking windows; draws from the global generator as dropout would."""

    def __init__(self, model: AbstractDynamics, store: ShardStore) -> None:
        super().__init__()
        self.model = model
        self.dropout = nn.Dropout(0.2)
        (self.batch,) = Windows((8,), 1, 10).batches(store, "train")

    def whole(self) -> AbstractContextManager[None]:
        """As of `DynamicsModule`, on one process."""
        return nullcontext()

    def training_step(self, batch: Tensor, batch_idx: int) -> Tensor:
        query = self.batch.query
        step = self.model.adapt(self.batch.context).step(query.obs[:, :, 0], query.action[:, :, 0])
        return (self.dropout(step.next_obs) - query.next_obs[:, :, 0]).square().mean()

    def train_dataloader(self) -> Any:
        return torch.utils.data.DataLoader(torch.rand(4, 1), shuffle=True)

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def hyper(family: Family) -> Hyper:
    torch.manual_seed(0)
    return Hyper(family.state, encoder=MeanPoolEncoder, hidden=(8,))


def fixed(family: Family) -> Fixed:
    torch.manual_seed(0)
    return Fixed(family.state, hidden=(8,))


def planner() -> CEM:
    return CEM(horizon=3, candidates=8, iterations=1, elites=2, keep=1)


def fit(model: AbstractDynamics, store: ShardStore, run: Path, callbacks: list[Callback], steps: int = 4) -> Trainer:
    trainer = Trainer(
        max_steps=steps,
        accelerator="cpu",
        devices=1,
        default_root_dir=run,
        logger=[TensorBoardLogger(run, name="tensorboard", version=""), CSVLogger(run, name="", version="")],
        callbacks=callbacks,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        num_sanity_val_steps=0,
    )
    torch.manual_seed(1)
    trainer.fit(Module(model, store))
    return trainer


def events(run: Path) -> EventAccumulator:
    found = EventAccumulator(str(run / "tensorboard"), size_guidance={"images": 0, "histograms": 0})
    found.Reload()
    return found


def everything(family: Family, store: ShardStore) -> list[Callback]:
    root = str(store.root)
    return [
        RolloutError(root, every_n_steps=2, **SMALL),
        RolloutFigures(family, root, every_n_steps=2, systems=2, history_sizes=(0, 8), steps=5, entries=1),
        WeightHistograms(root, every_n_steps=2, systems=4, history=8),
        CodeEmbedding(family, root, every_n_steps=2, history=8),
        PlanningReturn(family, planner(), every_n_steps=2, systems=3, steps=4),
    ]


def test_training_is_bitwise_the_same_with_and_without_callbacks(
    point_mass: Family, point_mass_store: ShardStore, tmp_path: Path
) -> None:
    bare, watched = hyper(point_mass), hyper(point_mass)
    fit(bare, point_mass_store, tmp_path / "bare", [])
    expected = torch.rand(5)
    fit(watched, point_mass_store, tmp_path / "watched", everything(point_mass, point_mass_store))
    assert torch.equal(torch.rand(5), expected)
    for name, value in bare.state_dict().items():
        assert torch.equal(watched.state_dict()[name], value), name
    assert watched.training == bare.training


def test_rollout_error_logs_what_the_evaluation_computes(
    point_mass: Family, point_mass_store: ShardStore, tmp_path: Path
) -> None:
    model = hyper(point_mass)
    trainer = fit(
        model, point_mass_store, tmp_path, [RolloutError(str(point_mass_store.root), every_n_steps=2, **SMALL)]
    )
    scores = rollout_error(model, point_mass_store, method="m", windows=Windows((0, 8), 4, 10), progress=False)
    expected = {f"{s.split}/point_mass/K{s.history}/nrmse_{h}": s.nrmse[h - 1] for s in scores for h in (1, 4)}
    logged = {k: float(v) for k, v in trainer.logged_metrics.items() if "/nrmse_" in k}
    assert logged == pytest.approx(expected)
    assert set(expected) <= set(trainer.callback_metrics)
    scalars = events(tmp_path)
    for name, value in expected.items():
        found = scalars.Scalars(name)
        assert [e.step for e in found] == [1, 3]
        assert found[-1].value == pytest.approx(value, rel=1e-5)
    with open(tmp_path / "metrics.csv", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row.get("interpolation/point_mass/K8/nrmse_4")]
    assert [row["step"] for row in rows] == ["1", "3"]


def test_too_little_data_to_judge_on_is_an_error_before_training(
    point_mass: Family, point_mass_store: ShardStore, tmp_path: Path
) -> None:
    model = hyper(point_mass)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ConfigError, match="too little data to evaluate"):
        fit(model, point_mass_store, tmp_path, [RolloutError(str(point_mass_store.root), rows=10_000)])
    assert all(torch.equal(model.state_dict()[name], value) for name, value in before.items())


def test_curves_are_grouped_by_split_and_family_and_the_charts_find_them(
    point_mass: Family, point_mass_store: ShardStore, tmp_path: Path
) -> None:
    fit(hyper(point_mass), point_mass_store, tmp_path, everything(point_mass, point_mass_store))
    tags = events(tmp_path).Tags()
    for kind in ("scalars", "images", "histograms"):
        found = {tuple(tag.split("/")[:2]) for tag in tags[kind] if tag != "epoch"}  # Lightning's own
        assert found <= {(split, "point_mass") for split in ("train", "interpolation", "extrapolation")}, kind
        assert found
    charts = {title: chart[1] for page in PAGES.values() for title, chart in page.items()}
    shown = {title: [t for t in tags["scalars"] if any(re.match(p, t) for p in ps)] for title, ps in charts.items()}
    there = {"loss", "return on training systems, before each round"}  # which only a real training logs
    assert {title for title, curves in shown.items() if not curves} == there
    assert sorted(t for curves in shown.values() for t in curves) == sorted(t for t in tags["scalars"] if t != "epoch")


def test_a_callback_looks_once_at_each_step_and_always_at_the_end(
    point_mass: Family, point_mass_store: ShardStore, tmp_path: Path
) -> None:
    name = "interpolation/point_mass/K0/nrmse_1"
    for every, expected in ((0, [2]), (2, [1, 2]), (3, [2])):
        run = tmp_path / str(every)
        callback = RolloutError(str(point_mass_store.root), every_n_steps=every, **SMALL)
        fit(fixed(point_mass), point_mass_store, run, [callback], steps=3)
        assert [e.step for e in events(run).Scalars(name)] == expected


def test_shares_of_two_ranks_sum_to_the_whole(point_mass: Family, point_mass_store: ShardStore) -> None:
    """The sums that the ranks hold, added as a sum-reduction adds them."""
    from hyperdyn.evaluate.prediction import add_batch
    from hyperdyn.metrics import HorizonError

    windows, model = Windows((8,), 4, 10), hyper(point_mass).eval()
    found = {share: HorizonError(4, 2) for share in ((0, 1), (0, 2), (1, 2))}
    for (rank, world), error in found.items():
        for batch in windows.batches(point_mass_store, "interpolation", slice(rank, None, world)):
            add_batch({8: error}, model, batch, windows)
    whole, one, two = found.values()
    for name in whole._defaults:
        setattr(one, name, getattr(one, name) + getattr(two, name))
    torch.testing.assert_close(one.compute().nrmse, whole.compute().nrmse)


@pytest.mark.parametrize("sign", [1, -1])
def test_planning_return_is_that_of_the_evaluation_and_its_share_of_a_cached_ceiling_that_is_positive(
    sign: int, point_mass: Family, point_mass_store: ShardStore, tmp_path: Path
) -> None:
    """Of costs the worse would have the larger share."""
    from hyperdyn.evaluate.outcome import Outcome
    from hyperdyn.evaluate.planning import planning_episodes, simulator_outcome
    from hyperdyn.statistics import iqm

    family = replace(point_mass, objective=lambda obs, action, next_obs: sign * next_obs[..., 1].square())
    model, cache = hyper(family), str(tmp_path / "cache")
    callback = PlanningReturn(family, planner(), systems=3, steps=4, cache=cache)
    trainer = fit(model, point_mass_store, tmp_path / "a", [callback])
    task = callback.tasks["interpolation"]
    expected = float(iqm(Outcome.of(task, planning_episodes(task, copy.deepcopy(model))).returns))
    where = "interpolation/point_mass"
    assert float(trainer.logged_metrics[f"{where}/planning_return"]) == pytest.approx(expected, rel=1e-5)
    assert f"{where}/planning_share" not in trainer.logged_metrics
    ceiling = float(iqm(simulator_outcome(task, cache).returns))
    trainer = fit(model, point_mass_store, tmp_path / "b", [callback], steps=1)
    own = float(trainer.logged_metrics[f"{where}/planning_return"])
    shares = {k: float(v) for k, v in trainer.logged_metrics.items() if k.endswith("share")}
    assert shares == pytest.approx({f"{where}/planning_share": own / ceiling} if ceiling > 0 else {}, rel=1e-4)


def test_figures_go_to_tensorboard_and_to_files(
    point_mass: Family, point_mass_store: ShardStore, tmp_path: Path
) -> None:
    root = str(point_mass_store.root)
    callbacks: list[Callback] = [
        RolloutFigures(point_mass, root, systems=2, history_sizes=(0, 8), steps=1000),  # longer than the episodes
        CodeEmbedding(point_mass, root, history=8),
    ]
    fit(hyper(point_mass), point_mass_store, tmp_path, callbacks)
    assert sorted(p.name for p in (tmp_path / "figures").iterdir()) == ["codes_train.png", "rollouts_interpolation.png"]
    images = events(tmp_path)
    for tag in ("train/point_mass/codes", "interpolation/point_mass/rollouts"):
        (event,) = images.Images(tag)
        assert event.step == 3
        assert event.encoded_image_string.startswith(b"\x89PNG")
        assert event.width > 300


def test_a_figure_says_how_much_history_there_was_where_less_than_asked(
    point_mass: Family, point_mass_store: ShardStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[set[str]] = []
    draw = rollout_figures.rollout_figure

    def watched(rollouts: list[Rollout], *rest: Any) -> Any:
        shown.extend(set(r.predicted) for r in rollouts)
        return draw(rollouts, *rest)

    monkeypatch.setattr(rollout_figures, "rollout_figure", watched)
    callback = RolloutFigures(point_mass, str(point_mass_store.root), systems=2, history_sizes=(0, 8, 1000), steps=2)
    fit(hyper(point_mass), point_mass_store, tmp_path, [callback])
    (batch,) = Windows((1000,), 2, 1, fewer=True).batches(point_mass_store, "interpolation", slice(2))
    held = int(batch.context.mask.sum(1).min())
    assert 8 < held < 1000
    assert shown == [{"K = 0", "K = 8", f"K = {held}"}] * 2


def test_the_projector_gets_a_code_and_all_factors_of_each_system(
    point_mass: Family, point_mass_store: ShardStore, tmp_path: Path
) -> None:
    model = hyper(point_mass)
    fit(model, point_mass_store, tmp_path, [CodeEmbedding(point_mass, str(point_mass_store.root), history=8)])
    (tensors,) = tmp_path.rglob("tensors.tsv")
    codes = np.loadtxt(tensors, delimiter="\t")
    (batch,) = Windows((8,), 1, 1).batches(point_mass_store, "train")
    with torch.no_grad():
        np.testing.assert_allclose(codes, model.encode(batch.context).latent, rtol=1e-4, atol=1e-6)
    lines = (tensors.parent / "metadata.tsv").read_text().splitlines()
    assert lines[0].split("\t") == ["gain [N]", "drag [1/s]"]
    factors = np.array([line.split("\t") for line in lines[1:]], dtype=float)
    np.testing.assert_allclose(factors, batch.factors, rtol=1e-3)


def test_histograms_are_of_the_generated_weights(
    point_mass: Family, point_mass_store: ShardStore, tmp_path: Path
) -> None:
    model = hyper(point_mass)
    fit(model, point_mass_store, tmp_path, [WeightHistograms(str(point_mass_store.root), systems=4, history=8)])
    found = events(tmp_path)
    sizes = {tag: found.Histograms(tag)[0].histogram_value.num for tag in found.Tags()["histograms"]}
    where = "interpolation/point_mass/generated"
    assert sizes == {
        f"{where}/layer1/weight": 4 * 2 * 8,
        f"{where}/layer1/bias": 4 * 8,
        f"{where}/layer2/weight": 4 * 8 * 2,
        f"{where}/layer2/bias": 4 * 2,
    }
    (batch,) = Windows((8,), 1, 1).batches(point_mass_store, "interpolation", slice(4))
    with torch.no_grad():
        theta = model.adapt(batch.context).theta
    assert theta is not None
    spread = (theta.std(0, correction=0) / model.expert_spec.scale()).square().mean().sqrt()
    assert found.Scalars("interpolation/point_mass/generated_spread")[0].value == pytest.approx(float(spread), rel=1e-4)


def test_a_method_without_codes_or_generated_weights_has_none_to_show(
    point_mass: Family, point_mass_store: ShardStore, tmp_path: Path
) -> None:
    root = str(point_mass_store.root)
    fit(
        fixed(point_mass),
        point_mass_store,
        tmp_path,
        [WeightHistograms(root), CodeEmbedding(point_mass, root, history=8)],
    )
    assert not events(tmp_path).Tags()["histograms"]
    assert not (tmp_path / "figures").exists()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda family: RolloutError("x", every_n_steps=-1), "RolloutError: every_n_steps"),
        (lambda family: RolloutError("x", horizon=4, shown=(8,)), "beyond the horizon"),
        (lambda family: RolloutError("x", context="supprt"), "did you mean 'support'"),
        (lambda family: RolloutFigures(family, "x", systems=0), "RolloutFigures: systems"),
        (lambda family: CodeEmbedding(family, "x", history=0), "CodeEmbedding: history"),
        (lambda family: PlanningReturn(family, planner(), systems=0), "PlanningReturn: systems"),
        (lambda family: Videos(family, planner(), "hyper", renderer="mujco"), "did you mean 'mujoco'"),
        (lambda family: Videos(family, planner(), "hyper", steps=0), "Videos: steps"),
    ],
)
def test_a_wrong_argument_is_named_when_the_callback_is_made(point_mass: Family, make: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        make(point_mass)


def test_a_split_that_is_missing_is_told_before_training_starts(
    point_mass: Family, point_mass_store: ShardStore, tmp_path: Path
) -> None:
    model = fixed(point_mass)
    before = copy.deepcopy(model.state_dict())
    with pytest.raises(ShardError, match="validation"):
        fit(model, point_mass_store, tmp_path, [RolloutError(str(point_mass_store.root), splits=["validation"])])
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())


def test_a_gif_goes_to_the_run_and_to_tensorboard(tmp_path: Path, point_mass_store: ShardStore) -> None:
    from hyperdyn import envs

    family = envs.load("pendulum")
    model = Hyper(family.state, encoder=MeanPoolEncoder, hidden=(8,))
    callback = Videos(family, planner(), "hyper", steps=6, renderer="skeleton")
    trainer = Trainer(
        logger=TensorBoardLogger(tmp_path, name="tensorboard", version=""), default_root_dir=tmp_path, accelerator="cpu"
    )
    with torch.no_grad():
        callback.evaluate(trainer, model.eval())
    path = tmp_path / "videos" / "interpolation_0.gif"
    with Image.open(path) as image:
        assert image.n_frames == 7  # type: ignore[attr-defined]
        assert image.size[0] > 2 * 300
    trainer.loggers[0].finalize("success")
    (event,) = events(tmp_path).Images("interpolation/pendulum/video_0")
    assert event.encoded_image_string == path.read_bytes()


def test_a_film_calls_methods_what_their_runs_do(point_mass: Family, tmp_path: Path) -> None:
    recipe = build.recipe({"_target_": "hyperdyn.models.fixed.Fixed", "hidden": [8]}, point_mass)
    state = {f"model.{name}": value for name, value in build.model(recipe).state_dict().items()}
    kept = tmp_path / "run" / "checkpoints" / "last.ckpt"
    kept.parent.mkdir(parents=True)
    torch.save({"hyperdyn": {"version": CHECKPOINT_VERSION, **recipe}, "state_dict": state}, kept)
    OmegaConf.save({"method": "cadm"}, tmp_path / "run" / "config.yaml")
    lone = tmp_path / "lone.ckpt"
    lone.write_bytes(kept.read_bytes())

    def labels(beside: Path | None) -> list[str]:
        film = Videos(point_mass, planner(), "grbal", steps=2, history=3, beside=beside and str(beside))
        with torch.no_grad():
            return [clip.label for clip in film.clips(hyper(point_mass).eval())]

    assert labels(None) == ["grbal (K = 0)", "grbal (K = 3)"]
    for beside, name in ((tmp_path / "run", "cadm"), (kept, "cadm"), (lone, "lone")):
        assert labels(beside) == [name, "grbal (K = 3)"]
