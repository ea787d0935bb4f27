"""Laws of the error metric."""

import pytest
import torch
from torch import Tensor

from hyperdyn.errors import ShapeError
from hyperdyn.metrics import HorizonError

T, S = 3, 4


def rows(n: int = 40, seed: int = 0) -> tuple[Tensor, Tensor, Tensor]:
    """Predicted [n,T,S], true [n,T,S], obs [n,S]."""
    g = torch.Generator().manual_seed(seed)
    obs = torch.randn(n, S, generator=g, dtype=torch.float64)
    true = obs[:, None] + torch.randn(n, T, S, generator=g, dtype=torch.float64).cumsum(1) + 0.7
    return true + 0.3 * torch.randn(n, T, S, generator=g, dtype=torch.float64), true, obs


def score(predicted: Tensor, true: Tensor, obs: Tensor) -> HorizonError:
    metric = HorizonError(T, S)
    metric.update(predicted, true, obs)
    return metric


def test_predicting_the_mean_change_scores_one() -> None:
    _, true, obs = rows()
    mean_change = (true - obs[:, None]).mean(0)
    errors = score(obs[:, None] + mean_change, true, obs).compute()
    torch.testing.assert_close(errors.nrmse, torch.ones(T, dtype=torch.float64), rtol=1e-12, atol=0)


def test_the_truth_scores_zero() -> None:
    _, true, obs = rows()
    errors = score(true, true, obs).compute()
    assert errors.nrmse.tolist() == [0.0] * T
    assert errors.rmse.abs().max() == 0


def test_an_error_of_known_size_has_that_rmse_and_its_ratio_to_the_spread() -> None:
    _, true, obs = rows()
    offset = torch.tensor([0.1, 0.2, 0.3, 0.4], dtype=torch.float64)
    errors = score(true + offset, true, obs).compute()
    torch.testing.assert_close(errors.rmse, offset.expand(T, S))
    spread = (true - obs[:, None]).std(0, correction=0)
    torch.testing.assert_close(errors.nrmse, (offset / spread).square().mean(-1).sqrt())


def test_units_and_origin_of_an_entry_do_not_matter_to_nrmse() -> None:
    predicted, true, obs = rows()
    scale, shift = torch.tensor([1e-3, 1.0, 50.0, 1e3]).double(), torch.tensor([5.0, -3.0, 0.0, 100.0]).double()
    plain = score(predicted, true, obs).compute()
    moved = score(predicted * scale + shift, true * scale + shift, obs * scale + shift).compute()
    torch.testing.assert_close(moved.nrmse, plain.nrmse)
    torch.testing.assert_close(moved.rmse, plain.rmse * scale)


@pytest.mark.parametrize("sizes", [[40], [1, 39], [13, 13, 14], [0, 40]])
def test_shards_of_any_size_merge_to_the_whole(sizes: list[int]) -> None:
    predicted, true, obs = rows()
    whole, merged = score(predicted, true, obs), HorizonError(T, S)
    for p, t, o in zip(predicted.split(sizes), true.split(sizes), obs.split(sizes), strict=True):
        part = score(p, t, o)
        for name in part._defaults:  # what a sum-reduction over ranks does
            setattr(merged, name, getattr(merged, name) + getattr(part, name))
        merged._update_count += 1
    torch.testing.assert_close(merged.compute().nrmse, whole.compute().nrmse, rtol=1e-12, atol=0)
    torch.testing.assert_close(merged.compute().rmse, whole.compute().rmse, rtol=1e-12, atol=0)
    assert all(reduce is torch.sum or reduce.__name__ == "dim_zero_sum" for reduce in whole._reductions.values())


def test_a_prediction_that_is_not_finite_is_infinitely_wrong() -> None:
    predicted, true, obs = rows()
    predicted[3, 1, 2] = torch.nan
    errors = score(predicted, true, obs).compute()
    assert errors.nrmse.isinf().tolist() == [False, True, False]


def test_an_entry_that_never_changes_is_left_out_of_nrmse() -> None:
    predicted, true, obs = rows()
    true[..., 3], obs[..., 3] = 2.0, 2.0
    with_constant = score(predicted, true, obs).compute().nrmse
    offsets = (predicted - true)[..., :3].square().sum(0) / ((true - obs[:, None]).var(0, correction=0) * 40)[..., :3]
    torch.testing.assert_close(with_constant, offsets.mean(-1).sqrt())


def test_float32_rows_are_summed_in_float64() -> None:
    obs = torch.full((1, S), 1e4)
    true = obs[:, None] + torch.ones(1, T, S)
    metric = HorizonError(T, S)
    for _ in range(1000):
        metric.update(true, true, obs)
    assert metric.change_sum.dtype == torch.float64
    assert (metric.change_sum == 1000).all()


def test_one_step_ahead_keeps_its_shape() -> None:
    predicted, true, obs = rows()
    metric = HorizonError(1, S)
    metric.update(predicted[:, :1], true[:, :1], obs)
    assert metric.compute().nrmse.shape == (1,)


def test_a_misfit_names_the_shapes() -> None:
    predicted, true, obs = rows()
    with pytest.raises(ShapeError, match=r"\(40, 2, 4\)"):
        HorizonError(T, S).update(predicted[:, :2], true[:, :2], obs)
