"""What a disk refuses, in words."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from hyperdyn.errors import ShardError


@contextmanager
def explained(what: str) -> Iterator[None]:
    """Turn what the disk refuses while writing into an error that says what to do.

    Raises:
        ShardError: the disk is full, read-only or refuses for another reason.
    """
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise ShardError(
                f"the disk is full: {what} was not written",
                got=error.strerror,
                fix="free some space and run the same command again; it continues with the shards that are missing",
            ) from error
        raise ShardError(f"{what} was not written", got=f"{error.strerror}: {error.filename or ''}") from error
