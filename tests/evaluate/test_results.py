"""Records survive the file, and summaries are those of the statistics."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from hyperdyn.errors import HyperdynError
from hyperdyn.evaluate import summary
from hyperdyn.evaluate.paired import error_difference, error_ratio
from hyperdyn.evaluate.results import CEILING, FLOOR, MethodFacts, PlanningScore, PredictionScore, Results
from hyperdyn.statistics import iqm, rms


def prediction(method: str = "hyper", seed: int = 0, history: int = 16, systems: int = 5) -> PredictionScore:
    errors = np.random.default_rng([seed, history]).random((systems, 3)).tolist()
    rows = tuple(tuple(row) for row in errors)
    return PredictionScore(method, "interpolation", history, seed, "support", rows, ((0.5, 1.0),) * 3)


def planning(method: str, seed: int, offset: float, history: int = 16) -> PlanningScore:
    returns = tuple((np.arange(8.0) * 10 + offset).tolist())
    return PlanningScore(method, "interpolation", history, seed, 100, "CEM", returns)


def results() -> Results:
    plans = [planning(FLOOR, 0, 0, 0), planning(CEILING, 0, 200, 0)]
    plans += [planning("hyper", seed, 100.0 + seed) for seed in range(3)]
    facts = MethodFacts("hyper", (24, 128, 18), 1000, 60.0, 0.01, "default")
    return Results("cheetah_mix", tuple(prediction(seed=s) for s in range(3)), tuple(plans), (facts,))


def test_results_survive_the_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    results().save(path)
    loaded = Results.load(path)
    loaded.save(tmp_path / "again.json")
    assert (tmp_path / "again.json").read_text() == path.read_text()
    assert loaded.planning == results().planning
    assert loaded.methods == results().methods
    np.testing.assert_allclose(loaded.prediction[1].per_system, results().prediction[1].per_system, rtol=1e-6)


def test_a_diverged_prediction_is_null_in_the_file_and_infinite_again_when_read(tmp_path: Path) -> None:
    diverged = replace(prediction(), per_system=((0.1, float("inf")),))
    Results("f", (diverged,)).save(tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["prediction"][0]["per_system"] == [[0.1, None]]
    assert Results.load(tmp_path / "r.json").prediction[0].nrmse == (pytest.approx(0.1), float("inf"))


def test_a_return_that_is_no_number_is_the_worst_there_is_when_read(tmp_path: Path) -> None:
    Results("f", planning=(replace(planning("m", 0, 0), per_system=(float("nan"), -float("inf"), 1.0)),)).save(
        tmp_path / "r.json"
    )
    assert Results.load(tmp_path / "r.json").planning[0].per_system == (-float("inf"), -float("inf"), 1.0)


def test_merging_replaces_what_was_evaluated_again_and_keeps_the_rest() -> None:
    newer = replace(prediction(seed=1), per_system=((9.0, 9.0, 9.0),) * 5)
    merged = results().merged(Results("cheetah_mix", (newer, prediction("fixed"))))
    assert [(r.method, r.seed) for r in merged.prediction] == [("hyper", 0), ("hyper", 1), ("hyper", 2), ("fixed", 0)]
    assert merged.prediction[1] == newer
    assert merged.planning == results().planning
    with pytest.raises(HyperdynError, match="pendulum"):
        merged.merged(Results("pendulum"))


def test_merging_keeps_what_is_known_of_a_method_and_not_said_again() -> None:
    """A training that is called again knows nothing of what a decision took."""
    again = Results("cheetah_mix", methods=(MethodFacts("hyper", training_seconds=61.0), MethodFacts("fixed")))
    assert results().merged(again).methods == (
        MethodFacts("hyper", (24, 128, 18), 1000, 61.0, 0.01, "default"),
        MethodFacts("fixed"),
    )


@pytest.mark.parametrize("content", ["", "[]", '{"format": 1}', '{"format": 99, "family": "f"}'])
def test_a_file_that_is_not_ours_is_refused_by_name(tmp_path: Path, content: str) -> None:
    path = tmp_path / "results.json"
    path.write_text(content)
    with pytest.raises(HyperdynError, match=r"results\.json is not a results file"):
        Results.load(path)
    with pytest.raises(HyperdynError, match="hyperdyn evaluate"):
        Results.load(tmp_path / "none.json")


def test_the_summary_of_a_prediction_pools_systems_and_seeds() -> None:
    found = summary.prediction(results(), "hyper", "interpolation", 16, 2)
    assert found is not None
    grid = np.array([[row[1] for row in r.per_system] for r in results().prediction])
    assert found.interval.value == pytest.approx(float(rms(grid.reshape(-1))))
    assert found.interval.low < found.interval.value < found.interval.high
    assert (found.seeds, found.systems) == (3, 5)
    assert summary.prediction(results(), "hyper", "interpolation", 4, 2) is None
    assert summary.prediction(results(), "hyper", "interpolation", 16, 9) is None


def test_returns_are_interquartile_means_and_a_share_of_the_ceiling() -> None:
    found = summary.planning(results(), "hyper", "interpolation")
    assert found is not None
    expected = float(iqm([10.0 * i + 100 + s for i in range(8) for s in range(3)]))
    assert found.interval.value == pytest.approx(expected)
    share = summary.share_of_ceiling(results(), "hyper", "interpolation")
    assert share == pytest.approx(expected / 235.0)
    of_all = results()
    same = [replace(r, per_system=r.per_system[:2]) for r in of_all.planning]
    first = summary.share_of_ceiling(replace(of_all, planning=tuple(same)), "hyper", "interpolation")
    for of_few in (CEILING, "hyper"):
        few = [replace(r, per_system=r.per_system[:2]) if r.method == of_few else r for r in of_all.planning]
        found_of_few = summary.share_of_ceiling(replace(of_all, planning=tuple(few)), "hyper", "interpolation")
        assert found_of_few == first != share


def test_a_paired_difference_to_the_floor_uses_its_one_run_for_every_seed() -> None:
    found = summary.return_difference(results(), "hyper", FLOOR, "interpolation")
    assert found is not None
    assert found.seeds == 3
    assert 100 <= found.interval.low <= found.interval.value <= found.interval.high <= 102


def test_returns_are_paired_by_seed_whichever_seeds_there_are() -> None:
    """Seed s lifts a return by 100 s; the second is 5 below the first, and was not trained with seed 0."""
    plans = [planning("a", s, 100.0 * s) for s in range(3)] + [planning("b", s, 100.0 * s - 5) for s in (1, 2)]
    plans += [planning("c", 7, 0.0), planning(CEILING, 0, 1000.0)]
    found = summary.return_difference(Results("f", (), tuple(plans)), "a", "b", "interpolation")
    assert found is not None
    assert (found.interval.value, found.interval.low, found.interval.high, found.seeds) == (5, 5, 5, 2)
    assert summary.return_difference(Results("f", (), tuple(plans)), "a", "c", "interpolation") is None
    to_ceiling = summary.return_difference(Results("f", (), tuple(plans)), "c", CEILING, "interpolation")
    assert to_ceiling is not None
    assert (to_ceiling.interval.value, to_ceiling.seeds) == (-1000, 1)


def test_a_difference_of_errors_is_that_of_the_pooled_errors() -> None:
    both = Results(
        "f", tuple(replace(prediction(seed=s + 10 * (m == "b")), method=m, seed=s) for m in "ab" for s in (0, 1))
    )
    pooled = {m: rms([row[1] for r in both.prediction if r.method == m for row in r.per_system]) for m in "ab"}
    found = error_difference(both, "a", "b", "interpolation", 16, 2)
    assert found is not None
    assert found.interval.value == pytest.approx(pooled["a"] - pooled["b"])
    assert found.interval.low < found.interval.value < found.interval.high


def test_pairs_have_contexts_of_one_kind_and_recent_ones_where_there_are_no_others() -> None:
    support = [replace(prediction(seed=s), method=m) for m in "ab" for s in (0, 1)]
    recent = [replace(r, context="recent", per_system=((9.0, 9.0, 9.0),) * 5) for r in support]
    for compare in (error_difference, error_ratio):
        of = [
            compare(Results("f", tuple(rs)), "a", "b", "interpolation", 16, 1) for rs in (support, [*recent, *support])
        ]
        assert of[0] == of[1] is not None
        alone = compare(Results("f", tuple(recent)), "a", "b", "interpolation", 16, 1)
        assert alone is not None
        assert alone.seeds == 2
        mixed = Results("f", (*support[:2], *recent[2:]))
        assert compare(mixed, "a", "b", "interpolation", 16, 1) is None


def test_the_longest_history_stands_for_a_method_in_planning() -> None:
    more = results().merged(Results("cheetah_mix", (), (planning("hyper", 0, 0.0, history=0),)))
    assert summary.planning(more, "hyper", "interpolation") == summary.planning(results(), "hyper", "interpolation")


def test_floor_comes_first_and_ceiling_last() -> None:
    order = [planning(CEILING, 0, 0), planning("hyper", 0, 0), planning(FLOOR, 0, 0), planning("fixed", 0, 0)]
    assert summary.methods_of(order) == [FLOOR, "hyper", "fixed", CEILING]


def test_runs_on_different_systems_do_not_mix() -> None:
    mixed = Results("f", (prediction(seed=0), prediction(seed=1, systems=4)))
    with pytest.raises(HyperdynError, match="different systems"):
        summary.prediction(mixed, "hyper", "interpolation", 16, 1)


def test_returns_under_different_planners_are_not_pooled_and_each_has_its_own_ceiling() -> None:
    other = [
        replace(planning(CEILING, 0, 900.0, 0), planner="MPPI"),
        replace(planning("hyper", 0, 500.0), planner="MPPI"),
    ]
    mixed = results().merged(Results("cheetah_mix", (), tuple(other)))
    found = summary.planning(mixed, "hyper", "interpolation")
    assert found is not None
    assert (found.interval.value, found.seeds) == (535.0, 1)
    assert summary.share_of_ceiling(mixed, "hyper", "interpolation") == pytest.approx(535 / 935)
    assert summary.return_difference(mixed, "hyper", FLOOR, "interpolation") is None


def test_recent_contexts_are_not_pooled_with_support() -> None:
    recent = replace(prediction(), context="recent", per_system=((9.0, 9.0, 9.0),) * 5)
    mixed = results().merged(Results("cheetah_mix", (recent,)))
    expected = summary.prediction(results(), "hyper", "interpolation", 16, 1)
    assert summary.prediction(mixed, "hyper", "interpolation", 16, 1) == expected
    assert summary.prediction(Results("f", (recent,)), "hyper", "interpolation", 16, 1) is not None
