"""A collection of one's own that begins as another."""

from __future__ import annotations

import os
from pathlib import Path

from hyperdyn.files import write_whole
from hyperdyn.shards.disk import explained
from hyperdyn.shards.store import ShardStore


def fork(source: Path | str, target: Path | str) -> ShardStore:
    """The collection at `target`, which begins with all shards of `source` and goes its own way from there.

    Shards never change, so a fork shares their bytes on disk (hard links) where the file system can, and copies them
    elsewhere. A fork that was interrupted continues; a shard that the target has stays as it is.

    Raises:
        ShardError: there is no collection at source, target holds other data, the disk is full.
    """
    origin = ShardStore.open(source)
    own = ShardStore.create(target, origin.header)
    with explained(f"'{target}'"):
        missing = [info for info in origin.infos() if info.id not in own]
        for info in missing:
            for name in info.files:
                path = own.root / name
                path.parent.mkdir(exist_ok=True)
                if not path.exists():
                    _share(origin.root / name, path)
    own.adopt(missing)
    return own


def _share(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except OSError:
        write_whole(target, source.read_bytes())
