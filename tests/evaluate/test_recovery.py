"""The delay of an error curve whose answer is known."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from hyperdyn.errors import HyperdynError
from hyperdyn.evaluate.recovery import delay, detection, recovery, ways
from hyperdyn.evaluate.results import ChangeScore, Results
from hyperdyn.figures.change import error_around_change
from hyperdyn.report.tables import tables

STEP, L = 100, 200


def curve(high: Sequence[int], low: float = 0.1, top: float = 1.0) -> np.ndarray:
    """`top` in these steps after the change, `low` elsewhere."""
    error = np.full(L, low)
    error[STEP + np.array(high, dtype=int)] = top
    return error


def score(
    error: np.ndarray, method: str = "hyper", seed: int = 0, adaptation: str = "K = 4", **more: object
) -> ChangeScore:
    rows = tuple(tuple(row) for row in np.atleast_2d(error).tolist())
    return ChangeScore(method, "interpolation", seed, adaptation, "gain becomes 0", STEP, rows, **more)


@pytest.mark.parametrize("steps", [5, 20, 60, 90])
def test_the_delay_is_where_the_error_falls(steps: int) -> None:
    assert delay(curve(range(steps)), STEP) == steps


def test_a_slow_fall_is_recovered_where_the_moving_average_crosses_a_tenth_of_the_jump() -> None:
    error = curve([])
    error[STEP:] = 0.1 + 0.9 * 0.95 ** np.arange(100)
    onset = np.sqrt(np.mean(error[STEP : STEP + 5] ** 2))
    average = [np.sqrt(np.mean(error[STEP + d : STEP + d + 10] ** 2)) for d in range(91)]
    expected = next(d for d, m in enumerate(average) if m <= 0.1 + 0.1 * (onset - 0.1))
    assert delay(error, STEP) == expected > 20


def test_it_has_to_stay_low_for_a_while() -> None:
    assert delay(curve([*range(5), 25]), STEP) == 26  # low from 5 to 24, which is too short
    assert delay(curve([*range(5), 60]), STEP) == 5  # a hard moment later on is another matter
    assert delay(curve(range(0, 100, 20)), STEP) == 81  # every 20 steps: only the end is calm


def test_never_is_infinite_and_no_jump_takes_no_time() -> None:
    assert delay(curve(range(100)), STEP) == np.inf
    assert delay(curve([]), STEP) == 0
    assert delay(np.where(np.arange(L) < STEP, 0.1, np.inf), STEP) == np.inf


def test_what_happens_before_counts_as_the_usual_error() -> None:
    error = curve(range(10), low=0.3)
    error[: STEP - 50] = 5.0  # earlier than the 50 steps that are looked at
    found = recovery([score(error)])
    assert (found.before.value, found.onset.value, found.after.value) == pytest.approx((0.3, 1.0, 0.3))


def test_the_end_begins_with_the_change_where_little_comes_after_it() -> None:
    error = np.where(np.arange(STEP + 30) < STEP, 0.1, 2.0)
    assert recovery([score(error)]).after.value == pytest.approx(2.0)


def test_pooling_is_over_systems_and_runs_and_intervals_hold_the_value() -> None:
    rng = np.random.default_rng(0)
    levels = rng.uniform(0.1, 0.5, (2, 6, 1))
    grid = levels * np.where(np.isin(np.arange(L), STEP + np.arange(15)), 3.0, 1.0)
    found = recovery([score(rows, seed=i) for i, rows in enumerate(grid)])
    assert found.before.value == pytest.approx(np.sqrt(np.mean(levels**2)))
    assert found.before.low < found.before.value < found.before.high
    assert found.onset.value == pytest.approx(3 * found.before.value)
    assert (found.delay.low, found.delay.value, found.delay.high) == (15, 15, 15)
    assert (found.seeds, found.systems, found.detected) == (2, 6, None)


def test_a_system_on_which_the_model_diverged_is_not_hidden() -> None:
    error = np.stack([curve(range(5)), np.where(np.arange(L) < STEP, 0.1, np.inf)])
    found = recovery([score(error)])
    assert found.before.value == pytest.approx(0.1)
    assert found.after.value == found.delay.value == np.inf


def test_detection_is_the_first_step_above_the_usual_range() -> None:
    rng = np.random.default_rng(0)
    surprise = rng.uniform(0, 1, (50, L))
    surprise[:, STEP:] = 0.5
    surprise[:25, STEP + 7 :] = 2.0
    surprise[:, :50] = 9.0  # too early to count
    surprise[:, STEP] = 9.0  # of the transitions before the change
    found = detection(surprise, STEP)
    assert found[:25].tolist() == [7] * 25
    assert np.isinf(found[25:]).all()
    detected = recovery([score(np.tile(curve([]), (25, 1)), detection=tuple(found))]).detected
    assert detected is not None
    assert detected.value == 7


def test_runs_on_different_episodes_do_not_mix() -> None:
    with pytest.raises(HyperdynError, match="different episodes"):
        recovery([score(curve([])), score(np.tile(curve([]), (2, 1)), seed=1)])


def results() -> Results:
    adapting = [score(curve(range(d)), adaptation=a) for d, a in ((5, "K = 4"), (30, "gamma = 0.95"))]
    deaf = [score(curve(range(100)), "fixed", adaptation=a) for a in ("K = 4", "K = 16")]
    return Results("cheetah_mix", change=(*adapting, *deaf))


def test_a_method_that_ignores_its_history_is_listed_once() -> None:
    found = ways(results().change)
    assert [(w.method, w.adaptation) for w in found] == [("hyper", "K = 4"), ("hyper", "gamma = 0.95"), ("fixed", "")]


def test_a_method_that_was_adapted_in_one_way_only_is_not_said_to_ignore_its_history() -> None:
    (way,) = ways([score(curve([]), adaptation="K = 16", seed=seed) for seed in (0, 1)])
    assert way.adaptation == "K = 16"


def test_records_survive_the_file_and_older_files_have_none(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    given = results().merged(Results("cheetah_mix", change=(score(curve([]), "e", detection=(3.0, float("inf"))),)))
    given.save(path)
    assert Results.load(path) == given
    content = json.loads(path.read_text())
    del content["change"]
    path.write_text(json.dumps(content))
    assert Results.load(path).change == ()
    newer = score(curve(range(7)))
    merged = results().merged(Results("cheetah_mix", change=(newer,)))
    assert merged.change == (newer, *results().change[1:])


def test_the_table_and_the_figure_show_it() -> None:
    (table,) = [t for t in tables(results()) if t.title == "A change in mid-episode"]
    assert [row[0] for row in table.rows] == ["hyper K = 4", "hyper gamma = 0.95", "fixed"]
    assert [row[4] for row in table.rows] == ["5 [5, 5]", "30 [30, 30]", "never [never, never]"]
    assert "gain becomes 0" in table.note
    (ax,) = error_around_change(results()).axes
    lines = {line.get_label(): line for line in ax.get_lines()}
    data = dict(lines["K = 4"].get_xydata().tolist())
    assert (data[-3.0], data[2.0], data[7.0]) == pytest.approx((0.1, 1.0, 0.1))  # no bin holds the change inside
    assert lines["fixed"].get_linestyle() == "--"


def test_the_table_says_what_was_left_out() -> None:
    def note(**left_out: int) -> str:
        given = Results("f", change=(score(curve(range(5)), **left_out),))
        (table,) = [t for t in tables(given) if t.title == "A change in mid-episode"]
        return table.note

    said = "9 episodes that ended early are left out"
    assert note(ended=9, dropped=2).endswith(f"{said}, and 2 systems of which too few lasted")
    assert note(ended=9).endswith(said)
    assert "left out" not in note()


@pytest.mark.parametrize("methods", [1, 3, 6])
def test_methods_without_a_recursive_form_have_a_panel_each_in_rows_of_four(methods: int) -> None:
    given = Results("f", change=tuple(score(curve(range(5)), f"m{i}") for i in range(methods)))
    drawn = [ax for ax in error_around_change(given).axes if ax.axison]
    assert [ax.get_title(loc="left") for ax in drawn] == [f"m{i}" for i in range(methods)]
    assert {ax.get_subplotspec().get_gridspec().ncols for ax in drawn} == {min(4, methods)}


def test_panels_share_a_scale_and_one_legend_names_the_lines_of_all() -> None:
    scores = [score(curve(range(5)), f"m{i}") for i in range(5)]
    scores += [score(curve(range(5), top=3.0), "m4", adaptation="gamma = 0.9")]
    drawn = [ax for ax in error_around_change(Results("f", change=tuple(scores))).axes if ax.axison]
    assert len({ax.get_ylim() for ax in drawn}) == 1
    (legend,) = [ax.get_legend() for ax in drawn if ax.get_legend()]
    assert [text.get_text() for text in legend.get_texts()] == ["K = 4", "gamma = 0.9"]
