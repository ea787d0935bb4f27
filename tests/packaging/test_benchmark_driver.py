"""The driver of `make bench`: finds benchmarks, judges them by their goals, keeps what it measured."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

FILE = Path(__file__).parents[2] / "benchmarks" / "run.py"


@pytest.fixture
def driver(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("benchmark_driver", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "benchmark_driver", module)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("ratio", "goal", "better", "expected"),
    [
        (1.0, 1.1, "lower", "met"),
        (1.2, 1.1, "lower", "missed"),
        (2.0, 1.9, "higher", "met"),
        (1.8, 1.9, "higher", "missed"),
        (5.0, None, "lower", ""),
        (float("nan"), 1.0, "lower", ""),
    ],
)
def test_a_goal_is_a_bound_on_the_right_side(
    driver: ModuleType, ratio: float, goal: float | None, better: str, expected: str
) -> None:
    assert driver.verdict({"name": "x", "ratio": ratio, "goal": goal, "better": better}) == expected


def test_a_missed_goal_is_the_exit_code(
    driver: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [
        {"name": "good", "ratio": 1.0, "goal": 2.0, "better": "lower"},
        {"name": "no", "ratio": None, "better": "lower"},
    ]
    monkeypatch.setattr(driver, "available", lambda: ["one"])
    monkeypatch.setattr(driver, "import_module", lambda name: SimpleNamespace(run=lambda: rows))
    out = tmp_path / "new" / "bench.json"
    assert driver.main(["--out", str(out)]) == 0
    rows.append({"name": "bad", "ratio": 3.0, "goal": 2.0, "better": "lower"})
    assert driver.main(["one", "--out", str(out)]) == 1
    assert "1 goals missed" in capsys.readouterr().out
    kept = json.loads(out.read_text())
    assert [r["name"] for r in kept["rows"]] == ["good", "no", "bad"]
    assert kept["machine"]["versions"]["torch"]


def test_every_benchmark_of_the_folder_is_found(driver: ModuleType) -> None:
    assert {"generated_mlp", "planners"} <= set(driver.available())
    assert not {"run", "timing"} & set(driver.available())


def test_an_unknown_benchmark_is_refused(driver: ModuleType) -> None:
    with pytest.raises(SystemExit):
        driver.main(["nonsense"])
