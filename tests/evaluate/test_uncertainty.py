"""Calibration scores of predictions whose uncertainty is known."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from hyperdyn.calibration import GaussianCalibration, ranks, spearman
from hyperdyn.envs.spec import SPLITS, Family
from hyperdyn.errors import ShapeError
from hyperdyn.evaluate import summary
from hyperdyn.evaluate.results import Results, UncertaintyScore
from hyperdyn.evaluate.uncertainty import calibration
from hyperdyn.evaluate.windows import Windows
from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.models.gaussian import GaussianExpert
from hyperdyn.report.tables import tables
from hyperdyn.shards.store import ShardStore
from hyperdyn.statistics import auroc_interval
from hyperdyn.types import Context, Expert

WINDOWS = Windows(history_sizes=(0, 4), horizon=3, rows=20)


def gaussian(n: int = 200_000) -> tuple[Tensor, Tensor, Tensor]:
    """Mean, std and outcome of rows that are as they claim."""
    rng = torch.Generator().manual_seed(0)
    mean, log_std, e = (torch.randn(n, generator=rng, dtype=torch.float64) for _ in range(3))
    return mean, log_std.exp(), mean + log_std.exp() * e


def measured(mean: Tensor, std: Tensor, true: Tensor) -> GaussianCalibration:
    metric = GaussianCalibration()
    metric.update(mean, std, true)
    return metric


def test_a_true_std_covers_nine_in_ten_and_scores_the_entropy() -> None:
    mean, std, true = gaussian()
    found = measured(mean, std, true).compute()
    assert found.coverage == pytest.approx(0.9, abs=0.003)
    entropy = (0.5 * math.log(2 * math.pi * math.e) + std.log()).mean()
    assert found.nll == pytest.approx(float(entropy), abs=0.01)
    torch.testing.assert_close(found.width, 3.28970725390294 * std.mean())
    assert found.rank_correlation > 0.5


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_wrong_std_costs_likelihood_and_coverage_in_closed_form(factor: float) -> None:
    mean, std, true = gaussian()
    right, wrong = measured(mean, std, true).compute(), measured(mean, factor * std, true).compute()
    assert wrong.nll - right.nll == pytest.approx(0.5 * (factor**-2 - 1) + math.log(factor), abs=0.01)
    assert wrong.coverage == pytest.approx(math.erf(1.6448536 * factor / math.sqrt(2)), abs=0.003)
    torch.testing.assert_close(wrong.rank_correlation, right.rank_correlation)


def test_shares_of_the_rows_add_to_the_whole_and_a_diverged_row_is_never_covered() -> None:
    mean, std, true = gaussian(1000)
    metric = measured(mean[:300], std[:300], true[:300])
    metric.update(mean[300:].view(7, 100), std[300:].view(7, 100), true[300:].view(7, 100))
    whole = measured(mean, std, true).compute()
    for name, value in vars(metric.compute()).items():
        torch.testing.assert_close(value, getattr(whole, name))
    spoilt = measured(torch.full((4,), float("nan")), torch.ones(4), torch.zeros(4)).compute()
    assert (spoilt.coverage, spoilt.nll) == (0, math.inf)
    assert measured(torch.full((4,), float("nan")), torch.full((4,), math.inf), torch.zeros(4)).compute().coverage == 0
    with pytest.raises(ShapeError, match="negative"):
        measured(mean, -std, true)
    with pytest.raises(ShapeError, match="one shape"):
        measured(mean[:2], std, true)


def test_rank_correlation_knows_order_alone_and_shares_ranks_among_equals() -> None:
    assert ranks(torch.tensor([3.0, 1.0, 3.0, 2.0])).tolist() == [3.5, 1.0, 3.5, 2.0]
    a = torch.randn(50, generator=torch.Generator().manual_seed(0)).double()
    assert spearman(a, a.exp()) == pytest.approx(1)
    assert spearman(a, -(a**3)) == pytest.approx(-1)
    assert spearman(a, torch.ones(50)) == 0
    b = a + torch.randn(50, generator=torch.Generator().manual_seed(1)).double()
    d = ranks(a) - ranks(b)
    assert spearman(a, b) == pytest.approx(float(1 - 6 * d.square().sum() / (50 * (50**2 - 1))))


def test_auroc_is_the_share_of_pairs_in_order() -> None:
    rng = np.random.default_rng(0)
    inside, outside = rng.integers(0, 8, 30) / 2, rng.integers(2, 10, 20) / 2  # with ties
    pairs = np.mean([(o > i) + 0.5 * (o == i) for i in inside for o in outside])
    found = auroc_interval(inside[None], outside[None], rng=rng)
    assert found.value == pytest.approx(pairs)
    assert found.low < pairs < found.high
    sure = auroc_interval(inside[None], 10 + outside[None], rng=rng)
    assert (sure.value, sure.low, sure.high) == pytest.approx((1, 1, 1))


class Claims(AbstractDynamics):
    """Predicts no change and claims one std; surprised by K, and by systems that move far."""

    executed_sizes = (3, 2)

    def __init__(self, family: Family, std: float | None) -> None:
        super().__init__(family.state)
        self.weight = torch.nn.Parameter(torch.zeros(()))
        self.std = std

    def adapt(self, context: Context) -> Expert:
        speed = context.history.next_obs.abs().amax((1, 2)) if context.mask.shape[1] else torch.zeros(len(context.mask))
        std = self.std
        if std is None:
            return ChangeExpert(self.norm, lambda x: self.weight * x[..., :2])
        return GaussianExpert(
            self.norm, lambda x: (self.weight * x[..., :2], torch.full_like(x[..., :2], std)), surprise=speed
        )


def test_scores_are_of_the_windows_that_prediction_is_judged_on(
    point_mass: Family, point_mass_store: ShardStore
) -> None:
    model = Claims(point_mass, 0.2)
    model.norm.change_std.fill_(0.5)
    scores = calibration(model, point_mass_store, method="m", windows=WINDOWS, progress=False)
    assert [(s.split, s.history) for s in scores] == [
        (s, k) for s in ("interpolation", "extrapolation") for k in (0, 4)
    ]
    (batch,) = WINDOWS.batches(point_mass_store, "interpolation")
    error = (batch.query.next_obs - batch.query.obs)[:, :, 0] / 0.5  # [B,N,S]
    expected = (error.abs() <= 1.6448536 * 0.2).double().mean((1, 2))
    np.testing.assert_allclose(scores[0].coverage, expected)
    np.testing.assert_allclose(scores[0].width, 0.65794145, rtol=1e-6)
    assert scores[0].rank_correlation == (0.0,) * 6
    speed = batch.context.history.next_obs[:, :4].abs().amax((1, 2))
    np.testing.assert_allclose(scores[1].surprise, speed)


def test_a_method_without_a_std_has_no_scores(point_mass: Family, point_mass_store: ShardStore) -> None:
    assert calibration(Claims(point_mass, None), point_mass_store, method="m", windows=WINDOWS, progress=False) == []


def record(split: str, seed: int = 0, offset: float = 0.0, **changes: object) -> UncertaintyScore:
    values = tuple((np.arange(6.0) + offset + seed).tolist())
    return replace(UncertaintyScore("m", split, 16, seed, "support", values, values, values, values, values), **changes)


def test_records_survive_the_file_and_files_without_them_load(tmp_path: Path) -> None:
    results = Results("f", uncertainty=(record("interpolation"), record("extrapolation", surprise=())))
    results.save(tmp_path / "r.json")
    assert Results.load(tmp_path / "r.json") == results
    content = json.loads((tmp_path / "r.json").read_text())
    del content["uncertainty"]
    (tmp_path / "old.json").write_text(json.dumps(content))
    assert Results.load(tmp_path / "old.json") == Results("f")
    newer = record("interpolation", offset=1.0)
    assert results.merged(Results("f", uncertainty=(newer,))).uncertainty == (newer, results.uncertainty[1])


def test_summaries_are_means_over_systems_and_tables_show_them() -> None:
    inside, outside = ([record(split, s, 3.0 * (split != "interpolation")) for s in range(2)] for split in SPLITS[1:])
    results = Results("f", uncertainty=(*inside, *outside))
    found = summary.calibration(results, "m", "interpolation", 16, "coverage")
    assert found is not None
    assert (found.interval.value, found.seeds, found.systems) == (pytest.approx(3.0), 2, 6)
    auroc = summary.surprise_auroc(results, "m", 16)
    assert auroc is not None
    assert auroc.interval.value == pytest.approx((36 - 6 + 1.5) / 36)
    assert summary.surprise_auroc(results, "m", 4) is None
    in_range, out_of_range = tables(results)
    assert "AUROC" not in in_range.columns
    assert out_of_range.columns[-1] == "AUROC"
    assert out_of_range.rows[0][0] == "m, K = 16"
    assert out_of_range.rows[0][-1].startswith("0.875")


def test_surprise_of_different_runs_is_not_paired() -> None:
    inside, outside = record("interpolation", 0), record("extrapolation", 1, 3.0)
    assert summary.surprise_auroc(Results("f", uncertainty=(inside, outside)), "m", 16) is None
