"""Files that are either whole or not there, and a lock that several processes share."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

TEMPORARY = ".partial-"
"""In the name of every file that is still being written."""
LOCK = ".lock"
"""In a folder whose files several processes add to."""


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the lock of a folder exclusively. The system lets go of it when the process dies."""
    fd = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o666)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def write_partial(path: Path, data: bytes) -> Path:
    """Write data beside path under a temporary name, on disk when this returns. Nothing stays behind on failure."""
    partial = path.with_name(f"{path.name}{TEMPORARY}{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with open(partial, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
    return partial


def publish(partial: Path, path: Path) -> None:
    """Give a finished file its name, durably."""
    os.replace(partial, path)
    fd = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def write_whole(path: Path, data: bytes) -> None:
    """Replace the file at path, in one step as seen from outside."""
    partial = write_partial(path, data)
    try:
        publish(partial, path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise
