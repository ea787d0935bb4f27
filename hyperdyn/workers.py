"""Many jobs of one kind, on this process or on several."""

from __future__ import annotations

import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from itertools import chain, islice
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

import torch

from hyperdyn.errors import HyperdynError

Item = TypeVar("Item")
Result = TypeVar("Result")

AHEAD = 2
"""Jobs that a worker holds: one at work and one waiting, so that it never idles while a result is stored."""

THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


def run_jobs(job: Callable[[Item], Result], items: Iterable[Item], workers: int) -> Generator[Result]:
    """`job(item)` of every item, in the order in which they finish, each computed with one thread.

    items: taken one by one, shortly before their turn comes.
    workers: processes; 0 is this one. They are new interpreters, so `job` and the items must pickle. However this
    generator ends (exhausted, closed, an error, Ctrl-C), they have ended too; if this process is killed, they end
    after the job at hand.

    Raises:
        HyperdynError: as raised by a job, or a worker that died.
        RuntimeError: any other error of a job in a worker; holds its traceback.
    """
    if workers == 0:
        with threads(1):
            yield from map(job, items)
        return
    waiting = iter(items)
    first = list(islice(waiting, workers))
    team: list[_Worker] = []
    try:
        for _ in first:
            team.append(_Worker(job))
        yield from _share(team, chain(first, waiting))
    finally:
        for worker in team:
            worker.stop()


def cores() -> int:
    """Cores for this process, one of several if torchrun started it; 0, which is no worker process, if that is one."""
    available = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = available // int(os.environ.get("LOCAL_WORLD_SIZE", 1))
    return share if share > 1 else 0


@contextmanager
def threads(count: int = 1) -> Iterator[None]:
    """Torch works on so many threads. Small work is slower on two, and sums then depend on how many there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _share(team: Sequence[_Worker], waiting: Iterator[Any]) -> Iterator[Any]:
    at_work = sum(worker.give(waiting) for _ in range(AHEAD) for worker in team)
    by_pipe: dict[Any, _Worker] = {worker.pipe: worker for worker in team}
    while at_work:
        for pipe in wait(list(by_pipe)):
            result = by_pipe[pipe].take()
            at_work += by_pipe[pipe].give(waiting) - 1
            yield result


class _Worker:
    """One process and the pipe to it."""

    def __init__(self, job: Callable[[Any], Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process: SpawnProcess = context.Process(target=_serve, args=(theirs, job), daemon=True)
        with _environment(dict.fromkeys(THREADS, "1")), _deaf_to_interrupts():
            self.process.start()
        theirs.close()  # so that the pipe ends when the worker does

    def give(self, waiting: Iterator[Any]) -> int:
        """Give it the next item; how many that were, 0 or 1. That the worker has died, `take` will tell."""
        for item in waiting:
            with suppress(ConnectionError):
                self.pipe.send(item)
            return 1
        return 0

    def take(self) -> Any:
        """One result, or the error instead of it."""
        try:
            result, error = self.pipe.recv()
        except (EOFError, ConnectionError):
            self.process.join()
            raise HyperdynError(
                "a worker process died",
                got=f"exit code {self.process.exitcode}",
                fix="look above for its last words (a script needs `if __name__ == '__main__':` around its own code); "
                "if there are none, memory may have run out: use fewer workers",
            ) from None
        if error is not None:
            raise error
        return result

    def stop(self) -> None:
        self.process.terminate()
        self.process.join()
        self.pipe.close()


def _serve(pipe: Connection, job: Callable[[Any], Any]) -> None:
    """The life of a worker. A SIGTERM to the whole group is for the one who leads it, and who ends its workers."""
    os.setpgrp()
    torch.set_num_threads(1)
    try:
        signal.signal(signal.SIGTERM, _leave)  # what a job holds, such as a temporary folder, is let go of
        while True:
            item = pipe.recv()
            try:
                answer: tuple[Any, Exception | None] = (job(item), None)
            except HyperdynError as error:
                answer = (None, error)
            except Exception:
                answer = (None, RuntimeError(f"a job failed in a worker:\n{traceback.format_exc()}"))
            pipe.send(answer)
    except (EOFError, ConnectionError):
        return  # the parent is gone


def _leave(*_: object) -> None:
    raise SystemExit


@contextmanager
def _deaf_to_interrupts() -> Iterator[None]:
    """A process started meanwhile hears no Ctrl-C, not even while it imports; this one hears it a moment later."""
    resource_tracker.ensure_running()  # it would lift the mask if it were started inside
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _environment(values: dict[str, str]) -> Iterator[None]:
    """Variables that a process started meanwhile inherits; libraries read some of them only while being imported."""
    before = {name: os.environ.get(name) for name in values}
    os.environ.update(values)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
