"""What figures show is what they were given."""

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hyperdyn.evaluate.results import CEILING, FLOOR, PlanningScore, PredictionScore, Results
from hyperdyn.figures.codes import code_figure, principal_components, readout
from hyperdyn.figures.rollouts import Rollout, busiest_entries, rollout_figure
from hyperdyn.figures.scores import adaptation_curve, error_by_horizon, return_bars, success_bars
from hyperdyn.figures.style import colours, save


def results() -> Results:
    prediction, planning = [], []
    for split in ("interpolation", "extrapolation"):
        for k in (0, 4, 16):
            rows = ((0.4 - 0.01 * k, 0.6),) * 3
            prediction.append(PredictionScore("hyper", split, k, 0, "support", rows, ((1.0,), (2.0,))))
        for method, value in ((FLOOR, -5.0), ("hyper", 50.0), (CEILING, 100.0)):
            planning.append(PlanningScore(method, split, 16, 0, 100, "CEM", (value,) * 4))
    return Results("pendulum", tuple(prediction), tuple(planning))


def test_the_adaptation_curve_is_the_error_against_k() -> None:
    figure = adaptation_curve(results(), step=1)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["unseen, in range", "unseen, out of range"]
    line = figure.axes[0].get_lines()[0]
    np.testing.assert_allclose(line.get_xydata(), [[0, 0.4], [4, 0.36], [16, 0.24]])


def test_the_horizon_figure_is_the_error_against_steps_ahead() -> None:
    line = error_by_horizon(results(), history=16).axes[1].get_lines()[0]
    np.testing.assert_allclose(line.get_xydata(), [[1, 0.24], [2, 0.6]])


def test_a_method_that_diverges_is_named_and_leaves_the_others_in_view() -> None:
    def scores(method: str, last: float) -> list[PredictionScore]:
        return [PredictionScore(method, "interpolation", 16, 0, "support", ((0.2, last),) * 3, ((1.0,), (2.0,)))]

    calm = [score for method in "abcd" for score in scores(method, 0.4)]
    ax = error_by_horizon(Results("f", tuple(calm + scores("wild", 5000.0))), history=16).axes[0]
    assert 0.4 < ax.get_ylim()[1] < 2
    assert [t.get_text() for t in ax.texts] == ["higher: wild"]
    assert not error_by_horizon(Results("f", tuple(calm)), history=16).axes[0].texts


def test_errors_above_the_mean_change_are_in_view() -> None:
    scores = [PredictionScore("a", "interpolation", 16, 0, "support", ((0.2, 1.7),) * 3, ((1.0,), (2.0,)))]
    low, high = error_by_horizon(Results("f", tuple(scores)), history=16).axes[0].get_ylim()
    assert low == 0
    assert 1.7 <= high < 2


def test_bars_are_returns_between_two_lines() -> None:
    ax = return_bars(results()).axes[0]
    assert [bar.get_height() for bar in ax.patches] == [50.0]
    texts = [t.get_text() for t in ax.texts]
    assert texts == ["50\n50 %", "random -5", "simulator 100"]


METHODS = [f"method_{i}" for i in range(18)]


RETURNS = {  # of the floor, of the first and the last method, of the ceiling
    "positive": (-5.0, 50.0, 400.0, 500.0),
    "negative": (-1200.0, -900.0, -200.0, -150.0),
    "both": (-400.0, -300.0, 300.0, 400.0),
    "far apart": (-100.0, -5000.0, 300.0, 440.0),
    "on one side of both bounds": (-1200.0, -1e5, -3e4, -150.0),
}


@pytest.mark.parametrize(("number", "case"), [*((3, case) for case in RETURNS), (18, "both"), (18, "far apart")])
def test_what_is_written_of_returns_is_beside_its_bar_and_clear_of_the_rest(number: int, case: str) -> None:
    floor, first, last, ceiling = RETURNS[case]
    returns = {FLOOR: floor, **dict(zip(METHODS, np.linspace(first, last, number), strict=False)), CEILING: ceiling}
    plans = [
        PlanningScore(m, split, 0, 0, 8, "CEM", tuple(v * np.linspace(0.9, 1.1, 4)))
        for split in ("interpolation", "extrapolation")
        for m, v in returns.items()
    ]
    figure = return_bars(Results("pendulum", planning=tuple(plans)))
    figure.draw_without_rendering()
    for ax in figure.axes:
        panel, texts = ax.get_window_extent(), [(t.get_text(), t.get_window_extent()) for t in ax.texts]
        numbers, names = texts[:number], texts[number:]
        assert [name.split()[0] for name, _ in names] == [FLOOR, CEILING]
        assert all(box.x0 > panel.x1 and box.x1 < figure.bbox.x1 for _, box in names)
        for bar, (text, box) in zip(ax.patches, numbers, strict=True):
            inside = bar.get_window_extent()
            assert panel.y0 <= box.y0 < box.y1 <= panel.y1
            assert box.y1 < inside.y0 if text.startswith("-") else box.y0 > inside.y1
        heading = ax._left_title
        boxes = [heading.get_window_extent(), *(box for _, box in texts)]
        assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_a_return_of_zero_has_no_sign() -> None:
    plans = [PlanningScore("a", "interpolation", 0, 0, 8, "CEM", (-0.1,) * 4)]
    (ax,) = return_bars(Results("pendulum", planning=tuple(plans))).axes
    assert [t.get_text() for t in ax.texts] == ["0"]


@pytest.mark.parametrize("number", [2, 18])
@pytest.mark.parametrize("ceiling", [0.0, 0.05, 0.5])
def test_names_of_bounds_cover_neither_each_other_nor_a_number(number: int, ceiling: float) -> None:
    shares = {FLOOR: 0.0, **dict.fromkeys(METHODS[:number], ceiling), CEILING: ceiling}
    plans = [PlanningScore(m, "interpolation", 0, 0, 8, "CEM", (1.0,) * 4, (v,) * 4) for m, v in shares.items()]
    figure = success_bars(Results("pendulum", planning=tuple(plans)))
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) == number + 2
    assert not any(a.overlaps(b) for a, b in combinations(boxes, 2))


def test_a_legend_of_many_methods_leaves_the_note_free() -> None:
    scores = [PredictionScore(m, "interpolation", 4, 0, "support", ((0.2,),) * 3, ((1.0, 2.0),)) for m in METHODS]
    figure = adaptation_curve(Results("pendulum", tuple(scores)), step=1)
    figure.draw_without_rendering()
    (legend,) = figure.legends
    assert not legend.get_window_extent().overlaps(figure._supxlabel.get_window_extent())


def test_a_headline_stays_within_a_narrow_figure() -> None:
    scores = results()
    figure = return_bars(Results("pendulum", planning=scores.planning[:3]))
    figure.draw_without_rendering()
    assert figure._suptitle.get_window_extent().x1 < figure.bbox.x1


def test_rollouts_start_at_the_first_observation_and_stay_in_view_when_one_diverges(tmp_path: Path) -> None:
    true = np.stack([np.sin(np.arange(6.0)), np.arange(6.0)], axis=-1)
    rollout = Rollout("system 3", true, {"K = 0": true[1:] * 1e9, "K = 16": true[1:]})
    figure = rollout_figure([rollout], [0], ["angle [rad]"], dt=0.1, heading="h")
    ax = figure.axes[0]
    truth, _, adapted = ax.get_lines()
    np.testing.assert_allclose(truth.get_ydata(), adapted.get_ydata())
    np.testing.assert_allclose(truth.get_xdata(), 0.1 * np.arange(6))
    assert ax.get_ylim()[1] < 10
    with Image.open(save(figure, tmp_path / "deep" / "r.png")) as image:
        assert image.size[0] > 300


def test_the_busiest_entries_are_those_that_move_most_for_their_spread() -> None:
    t = np.arange(50.0)
    true = np.stack([t, np.sin(2 * t), np.zeros(50), 100 * np.sin(0.1 * t), 0.01 * np.sin(3 * t)], axis=-1)[None]
    assert busiest_entries(true, 2) == [1, 4]
    assert busiest_entries(true, 3, skip=(4,)) == [1, 3]  # neither what stands still nor what only drifts


def test_principal_components_keep_all_of_a_plane() -> None:
    rng = np.random.default_rng(0)
    plane = rng.normal(size=(30, 2)) @ rng.normal(size=(2, 7))
    points, share = principal_components(plane)
    assert share == pytest.approx(1.0)
    distances = np.linalg.norm(plane[:, None] - plane[None], axis=-1)
    np.testing.assert_allclose(np.linalg.norm(points[:, None] - points[None], axis=-1), distances, atol=1e-9)
    assert principal_components(np.ones((5, 1)))[0].shape == (5, 2)


def test_readout_finds_what_is_linear_and_nothing_in_noise() -> None:
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(200, 6))
    assert readout(codes, codes @ rng.normal(size=6), ridge=1e-6) == pytest.approx(1.0, abs=1e-6)
    assert readout(codes, rng.normal(size=200)) < 0.1
    assert np.isnan(readout(codes, np.ones(200)))


def test_one_panel_a_factor(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    figure = code_figure(rng.normal(size=(20, 4)), rng.normal(size=(20, 5)), list("abcde"), "codes")
    shown = [ax.get_title(loc="left") for ax in figure.axes if ax.axison and ax.get_title(loc="left")]
    assert [name.split()[0] for name in shown] == list("abcde")
    save(figure, tmp_path / "c.png")


def test_no_two_methods_share_a_colour() -> None:
    methods = [FLOOR, "hyper", "fixed", "oracle", "a", "b", "c", "d", CEILING]
    assert len(set(colours(methods).values())) == len(methods)
    assert colours(["hyper", "x"])["hyper"] == colours(["hyper"])["hyper"]
