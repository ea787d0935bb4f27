"""Outcomes that several processes, perhaps of several hosts, keep in one file."""

from multiprocessing import get_context
from pathlib import Path

from hyperdyn.evaluate.cache import OutcomeCache
from hyperdyn.files import write_partial

ROWS = 20


def add(path: Path, who: str) -> None:
    for i in range(ROWS):
        OutcomeCache(path).add({f"{who}{i}": [float(i)]})


def test_processes_that_add_to_one_cache_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "cache" / "outcomes.json"
    fork = get_context("fork")
    processes = [fork.Process(target=add, args=(path, who)) for who in "ab"]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    assert [process.exitcode for process in processes] == [0, 0]
    assert OutcomeCache(path).read() == {f"{who}{i}": [float(i)] for who in "ab" for i in range(ROWS)}
    assert {p.name for p in path.parent.iterdir()} == {path.name, ".lock"}


def test_writers_whose_process_ids_are_equal_write_files_of_their_own(tmp_path: Path) -> None:
    first, second = (write_partial(tmp_path / "file", text) for text in (b"one", b"two"))
    assert (first.read_bytes(), second.read_bytes()) == (b"one", b"two")
