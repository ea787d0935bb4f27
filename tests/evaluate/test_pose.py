"""How far off a predicted pose is, in millimetres and degrees."""

from __future__ import annotations

import math

import pytest
import torch

from hyperdyn.evaluate import summary
from hyperdyn.evaluate.prediction import SplitError
from hyperdyn.evaluate.results import PredictionScore, Results
from hyperdyn.report.tables import pose_tables
from hyperdyn.types import Frame

FRAME = Frame(position=(2, 0), heading=1)


def score(method: str, history: int, pose: tuple[tuple[float, float], ...], seed: int = 0) -> PredictionScore:
    rows = ((1.0,),) * len(pose)
    return PredictionScore(method, "interpolation", history, seed, "support", rows, (), pose)


def test_of_each_system_the_distance_and_the_angle_after_one_step() -> None:
    generator = torch.Generator().manual_seed(0)
    error = SplitError(horizon=3, obs_dim=4)
    expected = []
    for systems in (2, 1):
        true, off = (torch.randn(systems, 5, 3, 4, generator=generator, dtype=torch.float64) for _ in range(2))
        error.update(true + off, true, true[:, :, 0])
        for rows in off[:, :, 0].tolist():
            distances, angles = [math.hypot(r[2], r[0]) for r in rows], [r[1] for r in rows]
            expected.append([math.sqrt(sum(x * x for x in values) / 5) for values in (distances, angles)])
    torch.testing.assert_close(error.pose(FRAME), torch.tensor(expected, dtype=torch.float64))


def test_shown_in_millimetres_and_degrees() -> None:
    found = Results("f", (score("m", 5, ((0.003, math.radians(3)), (0.004, math.radians(4)))),))
    for part in (0, 1):
        shown = summary.pose(found, "m", "interpolation", 5, part)
        assert shown is not None
        assert shown.interval.value == pytest.approx(math.sqrt(12.5))
        assert (shown.interval.low, shown.interval.high) == pytest.approx((3, 4))
    assert summary.pose(found, "m", "interpolation", 0, 0) is None


def test_a_column_for_each_k_and_the_best_contender_is_marked() -> None:
    records = [score(m, k, ((e * k / 1000, e),)) for m, e in (("a", 2.0), ("b", 3.0), ("told", 1.0)) for k in (1, 5)]
    (table,) = pose_tables(Results("f", tuple(records)), contenders=["a", "b"])
    expected = ("position [mm], K = 1", "position [mm], K = 5", "heading [deg], K = 1", "heading [deg], K = 5")
    assert table.columns[1:] == expected
    assert [row[2].split(" [")[0] for row in table.rows] == ["10.0", "15.0", "5.0"]
    assert table.best == ((1, 2, 3, 4), (), ())


def test_of_what_has_no_pose_there_is_no_table() -> None:
    assert pose_tables(Results("f", (score("m", 5, ()),))) == []
