"""Commands in processes of their own, beside this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import current_thread, main_thread
from typing import TypeVar

from hyperdyn.errors import PREEMPTED, HyperdynError
from hyperdyn.workers import THREADS

Name = TypeVar("Name")
LOOK = 0.05
"""Seconds between two looks at what has ended."""
GRACE = 10.0
"""Seconds that an interrupted command has to end; a shell script's background commands ignore the interrupt."""
STOPPED = (PREEMPTED, -signal.SIGTERM)
"""Exit status of a command that SIGTERM ended: it has saved its run, or had nothing to save."""


@contextmanager
def beside(arguments: Sequence[str], log: Path, threads: int) -> Iterator[Callable[[], None]]:
    """Run `hyperdyn ARGUMENTS` on so many threads; what it says is appended to the log.

    It is interrupted when the block is left before it has ended, by Ctrl-C, SIGTERM or an error.

    Yields:
        What waits for its end.

    Raises:
        HyperdynError: by the waiting, if the command failed.
        SystemExit: by the waiting, if SIGTERM stopped the command.
    """
    with _left_by_sigterm():
        process = _start(arguments, log, threads)

        def wait() -> None:
            if process.poll() is None:
                print(f"waiting for what is in {log}", flush=True)
            if process.wait() in STOPPED:
                sys.exit(PREEMPTED)
            if process.returncode:
                raise _failed(arguments, log, process.returncode)

        try:
            yield wait
        finally:
            _end([process])


def all_beside(
    lines: Mapping[Name, Sequence[Sequence[str]]], logs: Mapping[Name, Path], workers: int, threads: int
) -> Iterator[tuple[Name, HyperdynError | None]]:
    """Run, of each name, one command line after the other; `workers` names at the same time.

    However this generator ends, closed, by Ctrl-C or SIGTERM, the processes have ended too.

    Yields:
        Each name when its last command has ended, or with the error of one that failed; the others go on.

    Raises:
        SystemExit: SIGTERM stopped a command. The machine is to be left, so none was started since; what ran has ended.
    """
    with _left_by_sigterm():
        yield from _all_beside(lines, logs, workers, threads)


def _all_beside(
    lines: Mapping[Name, Sequence[Sequence[str]]], logs: Mapping[Name, Path], workers: int, threads: int
) -> Iterator[tuple[Name, HyperdynError | None]]:
    waiting, stopped = list(lines), False
    running: dict[Name, tuple[subprocess.Popen[bytes], int]] = {}
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                name = waiting.pop(0)
                running[name] = _start(lines[name][0], logs[name], threads), 0
            time.sleep(LOOK)
            for name, (process, number) in list(running.items()):
                if process.poll() is None:
                    continue
                del running[name]
                if process.returncode in STOPPED:
                    print(f"{name} was stopped by SIGTERM: no other command is started", flush=True)
                    waiting, stopped = [], True
                elif process.returncode:
                    yield name, _failed(lines[name][number], logs[name], process.returncode)
                elif number + 1 == len(lines[name]):
                    yield name, None
                elif not stopped:
                    running[name] = _start(lines[name][number + 1], logs[name], threads), number + 1
    finally:
        _end([process for process, _ in running.values()])
    if stopped:
        sys.exit(PREEMPTED)


@contextmanager
def _left_by_sigterm() -> Iterator[None]:
    """SIGTERM leaves the block through every `finally`; by default it would end this process and no other."""
    if current_thread() is not main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, lambda *_: sys.exit(PREEMPTED))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _start(arguments: Sequence[str], log: Path, threads: int) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "hyperdyn", *arguments]
    environment = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    with log.open("a") as file:
        return subprocess.Popen(command, stdout=file, stderr=file, env=environment)


def _end(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Interrupt what still runs, terminate what ignores that, and wait for it."""
    alive = [p for p in processes if p.poll() is None]
    for process in alive:
        process.send_signal(signal.SIGINT)
    last = time.monotonic() + GRACE
    for process in alive:
        try:
            process.wait(max(0.0, last - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()


def _failed(arguments: Sequence[str], log: Path, status: int) -> HyperdynError:
    return HyperdynError(
        f"`hyperdyn {arguments[0]}` in a process of its own failed",
        got=f"exit status {status}",
        fix=f"{log} says why; what it had done is kept",
    )
