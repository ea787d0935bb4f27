"""A log is read as it was written, whatever its format, and every fault in one is named with its row."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperdyn.errors import ConfigError
from hyperdyn.logs.columns import Columns
from hyperdyn.logs.episodes import Episode, LogError
from hyperdyn.logs.reading import read_log
from hyperdyn.types import StateSpec

SPEC = StateSpec(2, 1)
TABLE = """episode,t,x,v,a0
run 1,0.0,1.0,2.0,0.5
run 1,0.1,1.5,2.5,-1
run 1,0.2,2.0,3.0,
run 2,0.0,7.0,8.0,0.25
run 2,0.1,7.5,8.5,nan
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "log.csv"
    path.write_text(text)
    return path


def read(path: Path, **columns: Any) -> list[Episode]:
    return read_log(path, SPEC, Columns(**columns), entries=("x", "v"), dt=0.1)


def as_npz(folder: Path, **changes: Any) -> Path:
    arrays = {
        "obs": np.array([[1, 2], [1.5, 2.5], [2, 3], [7, 8], [7.5, 8.5]]),
        "action": np.array([[0.5], [-1], [np.nan], [0.25], [np.nan]]),
        "episode": np.array([1, 1, 1, 2, 2]),
    }
    np.savez(folder / "log.npz", **{k: v for k, v in {**arrays, **changes}.items() if v is not None})
    return folder / "log.npz"


def as_parquet(folder: Path) -> Path:
    pyarrow = pytest.importorskip("pyarrow", reason="the extra 'parquet' is not installed")
    pytest.importorskip("pyarrow.parquet")
    columns = {"episode": [1, 1, 1, 2, 2], "x": [1, 1.5, 2, 7, 7.5], "v": [2, 2.5, 3, 8, 8.5]}
    table = pyarrow.table({**columns, "a0": [0.5, -1, None, 0.25, None]})
    pyarrow.parquet.write_table(table, folder / "log.parquet")
    return folder / "log.parquet"


@pytest.mark.parametrize("make", [lambda f: write(f, TABLE), as_npz, as_parquet], ids=["csv", "npz", "parquet"])
def test_every_format_gives_the_same_episodes(make: Any, tmp_path: Path) -> None:
    one, two = read(make(tmp_path))
    np.testing.assert_array_equal(one.obs, [[1, 2], [1.5, 2.5], [2, 3]])
    np.testing.assert_array_equal(one.action, [[0.5], [-1]])
    np.testing.assert_array_equal(two.obs, [[7, 8], [7.5, 8.5]])
    np.testing.assert_array_equal(two.action, [[0.25]])
    assert one.obs.dtype == one.action.dtype == np.float32


def test_columns_by_name_and_by_number_give_the_same(tmp_path: Path) -> None:
    named = read(write(tmp_path, TABLE))
    numbered = read(write(tmp_path, TABLE.replace("x,v", "s0,s1")))
    chosen = read(write(tmp_path, TABLE.replace("x,v,a0", "p,q,u")), obs=["p", "q"], action=["u"])
    swapped = read(write(tmp_path, TABLE), obs=["v", "x"])
    assert np.array_equal(named[0].obs, numbered[0].obs)
    assert np.array_equal(named[0].obs, chosen[0].obs)
    assert np.array_equal(named[0].obs, swapped[0].obs[:, ::-1])


def test_without_an_episode_column_the_log_is_one_episode(tmp_path: Path) -> None:
    text = TABLE.replace("run 1,0.2,2.0,3.0,", "run 1,0.2,2.0,3.0,0").replace("episode", "comment")
    (one,) = read(write(tmp_path, text))
    assert one.steps == 4


def test_actions_are_divided_by_their_scale(tmp_path: Path) -> None:
    (one, _) = read(write(tmp_path, TABLE.replace("-1", "-4")), action_scale=4)
    np.testing.assert_array_equal(one.action, [[0.125], [-1]])


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("1.5,2.5", "1.5,nan", ["not a finite number", "nan in row 3, column 'v'", "fill the gap"]),
        ("1.5,2.5", "1.5,", ["nan in row 3, column 'v'"]),
        ("8.0,0.25", "8.0,-3", ["outside [-1, 1]", "-3 in row 5, column 'a0'", "action_scale"]),
        ("8.0,0.25", "8.0,", ["not a finite number", "row 5, column 'a0'"]),
        ("run 2,0.1,7.5,8.5,nan\n", "", ["episode run 2 is too short", "row 5", "2 rows or more"]),
        ("run 2,0.1", "run 1,0.1", ["run 1 is in two pieces", "begins again in row 6", "sort the rows"]),
        ("x,v", "x,w", ["lacks columns", "it has episode, t, x, w, a0", "columns.obs"]),
        ("1.5,2.5", "1.5,1e39", ["not a finite number", "1e+39 in row 3, column 'v'"]),
        ("1.5,2.5", "1.5, ", ["nan in row 3, column 'v'"]),
        ("2.5,-1\nrun 1,0.2,2.0,3.0", " ,-1\nrun 1,0.2,2.0,fast", ["no number", "'fast' in row 4, column 'v'"]),
        ("1.5,2.5", "1.5,fast", ["no number", "'fast' in row 3, column 'v'"]),
        ("1.5,2.5,-1", "1.5", ["another length", "3 values in row 3", "expected: 5"]),
        ("run 2,0.0", "\nrun 2,0.0", ["another length", "0 values in row 5"]),
        (TABLE[17:], "", ["is empty"]),
    ],
)
def test_a_fault_is_named_with_its_row(before: str, after: str, said: list[str], tmp_path: Path) -> None:
    assert before in TABLE
    with pytest.raises(LogError) as error:
        read(write(tmp_path, TABLE.replace(before, after)))
    assert all(text in str(error.value) for text in said), error.value


def test_empty_lines_at_the_end_are_nothing(tmp_path: Path) -> None:
    assert len(read(write(tmp_path, TABLE + "\n\n"))) == 2


def test_a_log_at_another_pace_is_refused(tmp_path: Path) -> None:
    assert len(read(write(tmp_path, TABLE), time="t")) == 2
    with pytest.raises(LogError, match=r"0\.2 s from row 3 to the next"):
        read(write(tmp_path, TABLE.replace("run 1,0.2", "run 1,0.3")), time="t")


def test_the_number_of_names_must_be_that_of_entries(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="2 different ones"):
        read(write(tmp_path, TABLE), obs=["x"])
    with pytest.raises(ConfigError, match="more than 0"):
        Columns(action_scale=0)


@pytest.mark.parametrize(
    "changes",
    [{"obs": None}, {"action": np.zeros((4, 1))}, {"episode": np.zeros(3)}, {"obs": np.zeros((5, 3))}],
    ids=str,
)
def test_arrays_that_do_not_fit_are_refused(changes: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(LogError):
        read(as_npz(tmp_path, **changes))


def test_a_pickle_in_an_npz_is_not_opened(tmp_path: Path) -> None:
    with pytest.raises(LogError, match="cannot be read"):
        read(as_npz(tmp_path, obs=np.array([{"a": 1}], dtype=object)))


@pytest.mark.parametrize("name", ["log.txt", "nothing.csv"])
def test_what_is_no_log_is_refused(name: str, tmp_path: Path) -> None:
    write(tmp_path, TABLE)
    with pytest.raises(LogError, match=r"\.csv"):
        read(tmp_path / name)


def test_a_missing_package_is_named_with_its_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "log.parquet").write_bytes(b"")
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(ConfigError, match=r"hyperdyn\[parquet\]"):
        read(tmp_path / "log.parquet")
    monkeypatch.setitem(sys.modules, "minari", None)
    with pytest.raises(ConfigError, match=r"hyperdyn\[minari\]"):
        read(Path("minari:a/b-v0"))
