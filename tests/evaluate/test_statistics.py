"""Laws of the summaries, against closed forms."""

import numpy as np
import pytest

from hyperdyn.errors import ShapeError
from hyperdyn.statistics import bootstrap_interval, iqm, paired_difference, rms


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def test_iqm_is_the_mean_of_the_middle_half() -> None:
    assert iqm([1.0, 2.0, 4.0, 1e9]) == 3.0
    assert iqm(np.arange(8.0)[::-1]) == np.mean([2, 3, 4, 5])
    assert iqm([5.0, 1.0, 3.0, 2.0, 9.0]) == pytest.approx((0.75 * 2 + 3 + 0.75 * 5) / 2.5)
    assert iqm([7.0]) == 7.0


def test_iqm_ignores_outliers_even_infinite_ones() -> None:
    assert iqm([np.inf, 1.0, 1.0, 1.0, 1.0, 1.0]) == 1.0


def test_iqm_commutes_with_shift_and_scale() -> None:
    values = rng().normal(size=(3, 11))
    np.testing.assert_allclose(iqm(5 + 2 * values), 5 + 2 * iqm(values))


def test_rms_pools_equal_groups() -> None:
    errors = rng().normal(size=(6, 50))
    np.testing.assert_allclose(rms(rms(errors)), rms(errors.reshape(-1)))


def test_an_interval_of_constant_values_has_no_width() -> None:
    result = bootstrap_interval(np.full((3, 8), 2.5), rng=rng())
    assert (result.low, result.value, result.high) == (2.5, 2.5, 2.5)


def test_interval_of_the_mean_matches_the_normal_one() -> None:
    values = rng(1).normal(size=(1, 400))
    result = bootstrap_interval(values, rng=rng(2), statistic=lambda v: v.mean(-1), draws=4000)
    half = 1.96 * values.std() / np.sqrt(values.size)
    assert result.high - result.value == pytest.approx(half, rel=0.08)
    assert result.value - result.low == pytest.approx(half, rel=0.08)


def test_spread_between_seeds_is_not_averaged_away_by_many_systems() -> None:
    """Seeds that differ by a constant: the interval is that of the seeds alone, however many systems there are."""
    offsets = np.array([-1.0, 0.0, 1.0, 2.0])[:, None]
    wide = bootstrap_interval(offsets + np.zeros((4, 1000)), rng=rng(), statistic=lambda v: v.mean(-1))
    assert wide.high - wide.low > 1.5


def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    generator = rng(3)
    hits = 0
    for _ in range(200):
        seeds, systems = generator.normal(size=(6, 1)), generator.normal(size=(1, 12))
        result = bootstrap_interval(seeds + systems, rng=generator, statistic=lambda v: v.mean(-1), draws=300)
        hits += result.low <= 0 <= result.high
    assert 0.82 <= hits / 200 <= 1.0  # percentile intervals of a handful of seeds are a little narrow


def test_pairing_cancels_what_the_pairs_share() -> None:
    easy = rng().normal(size=(1, 20)) * 100
    first, second = np.zeros((3, 20)) + easy + 1.0, np.zeros((3, 20)) + easy
    result = paired_difference(first, second, rng=rng())
    assert (result.low, result.value, result.high) == pytest.approx((1.0, 1.0, 1.0))


def test_the_same_generator_state_gives_the_same_interval() -> None:
    values = rng().normal(size=(2, 9))
    assert bootstrap_interval(values, rng=rng(5)) == bootstrap_interval(values, rng=rng(5))


@pytest.mark.parametrize("values", [np.zeros(4), np.zeros((0, 3))])
def test_anything_but_seeds_by_systems_is_refused(values: np.ndarray) -> None:
    with pytest.raises(ShapeError, match="seeds, systems"):
        bootstrap_interval(values, rng=rng())
    with pytest.raises(ShapeError, match="same seeds"):
        paired_difference(np.zeros((1, 3)), np.zeros((1, 4)), rng=rng())
