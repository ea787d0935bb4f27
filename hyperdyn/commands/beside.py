"""A command in a process of its own, beside this one."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from hyperdyn.errors import HyperdynError
from hyperdyn.workers import THREADS


@contextmanager
def beside(arguments: Sequence[str], log: Path, threads: int) -> Iterator[Callable[[], None]]:
    """Run `hyperdyn ARGUMENTS` on so many threads; what it says is appended to the log.

    It is interrupted when the block is left before it has ended, by Ctrl-C or an error.

    Yields:
        What waits for its end.

    Raises:
        HyperdynError: by the waiting, if the command failed.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "hyperdyn", *arguments]
    environment = {**os.environ, **dict.fromkeys(THREADS, str(threads))}
    with log.open("a") as file:
        process = subprocess.Popen(command, stdout=file, stderr=file, env=environment)

    def wait() -> None:
        if process.poll() is None:
            print(f"waiting for what is in {log}", flush=True)
        if process.wait():
            raise HyperdynError(
                f"`hyperdyn {arguments[0]}` in a process of its own failed",
                got=f"exit status {process.returncode}",
                fix=f"{log} says why; what it had done is kept",
            )

    try:
        yield wait
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
            process.wait()
