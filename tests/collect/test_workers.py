"""Jobs in worker processes. Jobs are functions of modules that a new interpreter can import."""

import operator
import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
import torch

from hyperdyn.behaviour.ranges import check_range
from hyperdyn.errors import ConfigError, HyperdynError
from hyperdyn.workers import AHEAD, cores, run_jobs


def test_every_item_is_done_once() -> None:
    results = list(run_jobs(partial(operator.add, 10), range(5), workers=2))
    assert sorted(results) == [10, 11, 12, 13, 14]
    assert list(run_jobs(partial(operator.add, 10), [], workers=2)) == []


def test_without_workers_the_order_is_that_of_the_items_and_torch_is_left_as_it_was() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        assert list(run_jobs(lambda _: torch.get_num_threads(), range(3), workers=0)) == [1, 1, 1]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_a_worker_uses_one_thread() -> None:
    # eval(item): torch's own count, and what the libraries under NumPy and MuJoCo go by
    items = ["__import__('torch').get_num_threads()", "int(__import__('os').environ['OPENBLAS_NUM_THREADS'])"]
    assert list(run_jobs(eval, items, workers=1)) == [1, 1]


def test_items_are_taken_shortly_before_their_turn() -> None:
    taken = []

    def items() -> Iterator[int]:
        for i in range(9):
            taken.append(i)
            yield i

    jobs = run_jobs(partial(operator.add, 10), items(), workers=2)
    first = [next(jobs) for _ in range(3)]
    assert len(taken) == 2 * AHEAD + 3
    assert sorted([*first, *jobs]) == list(range(10, 19))


def test_processes_on_one_host_share_its_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert cores() == 8
    for processes, share in {"2": 4, "4": 2, "8": 0, "16": 0}.items():
        monkeypatch.setenv("LOCAL_WORLD_SIZE", processes)
        assert cores() == share


def test_a_user_error_in_a_worker_is_the_same_error_here() -> None:
    with pytest.raises(ConfigError, match=r"'hold' of a behaviour is not an interval\n  got:      \[2, 1\]"):
        list(run_jobs(partial(check_range, "hold"), [[1, 2], [2, 1]], workers=1))


def test_any_other_error_in_a_worker_brings_its_traceback() -> None:
    with pytest.raises(RuntimeError, match=r"(?s)Traceback.*ZeroDivisionError"):
        list(run_jobs(partial(operator.truediv, 1), [1, 0], workers=1))


def test_a_worker_that_dies_is_noticed() -> None:
    with pytest.raises(HyperdynError, match=r"(?s)a worker process died.*exit code 3.*fewer workers"):
        list(run_jobs(os._exit, [3, 3, 3], workers=1))


def test_what_a_job_holds_is_let_go_when_it_is_not_waited_for(tmp_path: Path) -> None:
    holding = f"[__import__('tempfile').TemporaryDirectory(dir={str(tmp_path)!r}), __import__('time').sleep(60)]"
    jobs = run_jobs(eval, ["1", holding], workers=1)
    assert next(jobs) == 1
    deadline = time.monotonic() + 60
    while not list(tmp_path.iterdir()):
        assert time.monotonic() < deadline, "the worker never began"
        time.sleep(0.01)
    jobs.close()
    assert not list(tmp_path.iterdir())
