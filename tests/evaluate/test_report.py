"""A report is one file that holds everything it shows."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from rich.console import Console

from hyperdyn.errors import HyperdynError
from hyperdyn.evaluate.results import CEILING, FLOOR, MethodFacts, PlanningScore, PredictionScore, Results
from hyperdyn.figures.training import read_metrics, training_curves
from hyperdyn.report import print_results, write_report
from hyperdyn.report.numbers import text_of
from hyperdyn.report.planning_tables import planning_table
from hyperdyn.report.tables import adaptation_table, cost_table, horizon_table, units_table
from hyperdyn.statistics import Interval

EVIL = "<script>alert('x')</script> & co"
VOID = {"meta", "img", "br"}


class Balance(HTMLParser):
    """Open tags are closed in order; collects sources and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.sources: list[str] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name in ("src", "href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def results(family: str = "cheetah_mix") -> Results:
    prediction, planning = [], []
    for split in ("interpolation", "extrapolation"):
        for method, level in (("fixed", 0.4), ("hyper", 0.2)):
            for k in (0, 16):
                rows = ((level / (1 + k / 16), 2 * level),) * 4
                prediction.append(PredictionScore(method, split, k, 0, "support", rows, ((1.0, 2.0), (3.0, 4.0))))
        for method, value in ((FLOOR, 0.0), ("fixed", 30.0), ("hyper", 60.0), (CEILING, 100.0)):
            planning.append(PlanningScore(method, split, 16, 0, 100, "CEM()", (value,) * 4))
    facts = (MethodFacts("hyper", (24, 128, 18), 12345, 90.0, 0.012, EVIL),)
    return Results(family, tuple(prediction), tuple(planning), facts)


def run_folder(root: Path) -> Path:
    run = root / "runs" / "demo"
    for folder in ("figures", "videos"):
        (run / folder).mkdir(parents=True)
    results().save(run / "results.json")
    (run / "config.yaml").write_text(
        'name: demo\nseed: 3\noverrides: [seed=3, "model.hidden=[64]"]\n'
        f'env:\n  name: cheetah_mix\n  entries: [x, "pitch [rad]"]\nnote: "{EVIL}"\n'
    )
    (run / "metrics.csv").write_text("step,train/loss,text\n0,1.0,\n10,,word\n20,0.5,\n")
    Image.new("RGB", (8, 8), "red").save(run / "figures" / "rollouts_500.png")
    frames = [Image.new("P", (8, 8), i) for i in range(3)]
    frames[0].save(run / "videos" / "planning.gif", save_all=True, append_images=frames[1:])
    return run


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a run folder that holds everything."""
    return write_report(run_folder(tmp_path_factory.mktemp("report")))


def test_the_page_is_whole_and_needs_nothing_else(report: Path) -> None:
    path = report
    assert path.name == "report.html"
    page = Balance(path.read_text(encoding="utf-8"))
    assert not page.open
    assert all(s.startswith(("data:image/", "#")) for s in page.sources)
    assert sum(s.startswith("data:image/gif") for s in page.sources) == 1
    assert not re.search(r"https?://|url\(|@import", path.read_text(encoding="utf-8"))


def test_text_from_files_is_escaped(report: Path) -> None:
    source = report.read_text(encoding="utf-8")
    assert "<script" not in source
    assert Balance(source).text.count(EVIL) == 2  # the note of a method, and config.yaml


def test_the_page_tells_the_main_numbers_and_how_to_get_them(report: Path) -> None:
    text = Balance(report.read_text(encoding="utf-8")).text
    for expected in ("60 %", "0.100", "12,345", "hyperdyn train seed=3 'model.hidden=[64]'", "rollouts 500"):
        assert expected in text, expected


def test_a_run_that_was_only_trained_has_a_report_too(tmp_path: Path) -> None:
    run = run_folder(tmp_path)
    (run / "results.json").unlink()
    text = Balance(write_report(run).read_text(encoding="utf-8")).text
    assert "Training" in text
    assert "Results" not in text
    empty = tmp_path / "empty"
    empty.mkdir()
    assert write_report(empty).exists()
    with pytest.raises(HyperdynError, match="no run folder"):
        write_report(tmp_path / "none")


def test_runs_beside_are_compared(tmp_path: Path) -> None:
    run, other = run_folder(tmp_path), tmp_path / "other"
    rows = ((0.123, 0.2),) * 4
    Results(
        "cheetah_mix", (PredictionScore("concat", "interpolation", 16, 0, "support", rows, ((1.0, 2.0),) * 2),)
    ).save(other / "results.json")
    assert "concat" in Balance(write_report(run, beside=[other]).read_text(encoding="utf-8")).text


def test_tables_hold_values_with_intervals_and_mark_the_best() -> None:
    planning = planning_table(results())
    assert planning.rows[0] == ("random", "0 [0, 0]  0 %", "0 [0, 0]  0 %")
    assert planning.rows[2] == ("hyper", "60 [60, 60]  60 %", "60 [60, 60]  60 %")
    assert planning.best == ((), (), (1, 2), ())
    assert "share of the simulator's" in planning.note
    alone = replace(results(), planning=tuple(r for r in results().planning if r.method == "hyper"))
    assert "share" not in planning_table(alone).note
    horizon = horizon_table(results())
    assert horizon.rows[1][1:3] == ("0.100 [0.100, 0.100]", "0.400 [0.400, 0.400]")
    assert horizon.best == ((), (1, 2, 3, 4))
    assert [row[-1] for row in adaptation_table(results()).rows] == ["0.50", "0.50"]
    diverged = replace(results().prediction[1], per_system=((np.inf, np.inf),) * 4)
    assert horizon_table(replace(results(), prediction=(diverged,))).rows[0][1] == "inf [inf, inf]"
    assert cost_table(results()).rows[0][:5] == ("hyper", "24-128-18", "12,345", "1.5 min", "12 ms")
    assert units_table(results(), ["x [m]"]).rows == (("x [m]", *("1", "3") * 2), ("entry 1", *("2", "4") * 2))


def test_the_terminal_shows_the_same_tables() -> None:
    console = Console(record=True, width=160, file=open("/dev/null", "w"))  # noqa: SIM115
    print_results(results(), console)
    text = console.export_text()
    console.file.close()
    assert "60 [60, 60]  60 %" in text
    assert "Cost" in text
    assert "entry 0" not in text


def test_a_narrow_terminal_breaks_no_name_of_a_method() -> None:
    scores = results()
    named = replace(scores, prediction=tuple(replace(p, method="hyper_mean_pool") for p in scores.prediction))
    console = Console(record=True, width=60, file=open("/dev/null", "w"))  # noqa: SIM115
    print_results(named, console)
    console.file.close()
    assert "hyper_mean_pool" in console.export_text()


def test_metrics_are_read_as_curves_without_gaps(tmp_path: Path) -> None:
    curves = read_metrics(run_folder(tmp_path) / "metrics.csv")
    assert curves == {"train/loss": [(0, 1.0), (20, 0.5)]}
    figure = training_curves({**curves, "a/K16/x": [(0, 1.0)], "a/K4/x": [(0, 2.0)]})
    assert [ax.get_title(loc="left") for ax in figure.axes if ax.axison] == ["a/x", "train"]
    assert [line.get_label() for line in figure.axes[0].get_lines()] == ["K4", "K16"]


def test_entries_have_the_names_that_the_runs_configuration_gives_them(report: Path) -> None:
    text = Balance(report.read_text(encoding="utf-8")).text
    assert "pitch [rad]" in text.split("config.yaml")[0]


def test_numbers_keep_to_their_width_and_zero_has_no_sign() -> None:
    assert text_of(Interval(12345.678, -0.5, 1.25e20), "+.3f") == "+1e+04 [-0.500, +1e+20]"
    assert text_of(Interval(2345.678, 0.25, np.inf), ".3f") == "2345.678 [0.250, inf]"
    assert text_of(Interval(-0.3, -0.7, 0.3), ".0f") == "0 [-1, 0]"
    assert text_of(Interval(-41234.5, -50000.0, -20000.0), ".0f") == "-41234 [-50000, -20000]"
