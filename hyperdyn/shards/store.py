"""A folder of trajectories that several processes may write to and read from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from hyperdyn.errors import ShardError
from hyperdyn.files import TEMPORARY, locked, publish, write_partial
from hyperdyn.shards.disk import explained
from hyperdyn.shards.format import Fault, Header, ShardId, ShardInfo, Trajectories, check_id, checked, shard_file
from hyperdyn.shards.manifest import Manifest
from hyperdyn.shards.reader import find_fault, map_shard, shard_bytes
from hyperdyn.shards.views import ShardViews

IDENTITY = ("format_version", "env_id", "family", "factor_names", "obs_dim", "action_dim", "dt")
"""Header fields in which all data of one folder must agree."""


class ShardStore:
    """Trajectories on disk: one file per (split, system, round), and a manifest that lists what is whole.

    A shard is in the manifest only once it is whole and durable, so a collection that was interrupted continues with
    the shards that are missing. Two collectors on one folder lose nothing. Instances hold no open file and may be
    sent to other processes.
    """

    def __init__(self, root: str | Path) -> None:
        self.root = Path(root)
        self._manifest = Manifest(self.root)

    @classmethod
    def open(cls, root: str | Path) -> Self:
        """An existing collection.

        Raises:
            ShardError: there is none, or it is of another format version.
        """
        store = cls(root)
        store.refresh()
        return store

    @classmethod
    def create(cls, root: str | Path, header: Header) -> Self:
        """The collection with this header, made if it is not there yet.

        Raises:
            ShardError: the folder holds data of another environment, format or seed.
        """
        store = cls(root)
        with explained(f"'{root}'"):
            store.root.mkdir(parents=True, exist_ok=True)
            with locked(store.root):
                if not store._manifest.path.exists():
                    store._manifest.create(header)
        store.refresh()
        store.require(header, (*IDENTITY, "seed"))
        return store

    @property
    def header(self) -> Header:
        return self._manifest.header

    def require(self, header: Header, names: Sequence[str] = IDENTITY) -> None:
        """Raises ShardError if the named fields of this collection's header differ from the given one's."""
        for name in names:
            got, expected = getattr(self.header, name), getattr(header, name)
            if got != expected:
                raise ShardError(
                    f"'{self.root}' holds other data: {name} differs",
                    got=got,
                    expected=expected,
                    fix="give another folder, or move this one away",
                )

    def refresh(self) -> None:
        """See the shards that others have added."""
        self._manifest.refresh()

    def infos(self, split: str | None = None, round: int | None = None) -> list[ShardInfo]:
        """Records of all shards (of one split, of one round), ordered by split, system and round."""
        chosen = (i for i in self._manifest.records.values() if split in (None, i.split) and round in (None, i.round))
        return sorted(chosen, key=lambda info: info.id)

    def history(self, split: str) -> list[ShardInfo]:
        """Records of one split in the order in which they were added, which is the same for every reader."""
        return [info for info in self._manifest.records.values() if info.split == split]

    def __contains__(self, shard: ShardId) -> bool:
        return shard in self._manifest.records

    def __len__(self) -> int:
        return len(self._manifest.records)

    def append(
        self,
        *,
        split: str,
        system: int,
        round: int,
        factors: Sequence[float],
        obs: Any,
        action: Any,
        length: Any = None,
        maker: str = "",
        redrawn: Mapping[str, int] | None = None,
        views: bytes = b"",
    ) -> ShardInfo:
        """Add one shard: factors [F], obs [E,L+1,S], action [E,L,A], length [E] (all L if None).

        views: of some of its moments, as `hyperdyn.shards.views.views_bytes` writes them; empty for none.

        A shard that is there already stays as it is, and its record is returned.

        Raises:
            ShapeError, ShardError: arrays that break the contract; a disk that is full.
        """
        check_id(split, system, round)
        known = self._manifest.records.get((split, system, round))
        if known is not None:
            return known
        name = shard_file(split, system, round)
        values, data = checked(self.header, name, factors, obs, action, length)
        content = shard_bytes(self.header, name, values, data)
        info = ShardInfo(
            name,
            split,
            system,
            round,
            values,
            lengths=tuple(data.length.tolist()),
            steps=data.action.shape[1],
            bytes=len(content),
            sha256=hashlib.sha256(content).hexdigest(),
            maker=maker,
            redrawn=dict(redrawn or {}),
            views_bytes=len(views),
            views_sha256=hashlib.sha256(views).hexdigest() if views else "",
        )
        with explained(f"shard '{self.root / name}'"):
            return self._publish(info, dict(zip(info.files, (content, views), strict=False)))

    def _publish(self, info: ShardInfo, contents: Mapping[str, bytes]) -> ShardInfo:
        (self.root / info.file).parent.mkdir(exist_ok=True)
        partials: dict[str, Path] = {}
        try:
            for name, content in contents.items():
                partials[name] = write_partial(self.root / name, content)
            with locked(self.root):
                self.refresh()
                known = self._manifest.records.get(info.id)
                if known is not None:
                    return known
                for name, partial in partials.items():
                    publish(partial, self.root / name)
                self._manifest.add(info)
                return info
        finally:
            for partial in partials.values():
                partial.unlink(missing_ok=True)

    def adopt(self, infos: Iterable[ShardInfo]) -> None:
        """List shards whose files are in place already; those that are listed stay as they are."""
        with explained(f"'{self._manifest.path}'"), locked(self.root):
            self.refresh()
            self._manifest.add_all(info for info in infos if info.id not in self)

    def close(self) -> None:
        """Bring manifest.json up to date, for whoever reads it without this class. Losing this call loses nothing."""
        with explained(f"'{self._manifest.path}'"), locked(self.root):
            self.refresh()
            self._manifest.compact()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def load(self, info: ShardInfo) -> Trajectories:
        """The shard's arrays, mapped into memory: nothing is read before it is touched, and no file stays open.

        Raises:
            ShardError: the file is missing, truncated or no shard.
        """
        return map_shard(self.root, info, self.header)

    def load_views(self, info: ShardInfo) -> ShardViews | None:
        """What cameras saw at some moments of the shard's episodes; None if none looked.

        Raises:
            ShardError: the file is missing, truncated or holds no views.
        """
        return ShardViews(self.root, info) if info.views_bytes else None

    def verify(self, progress: Callable[[Iterable[ShardInfo]], Iterable[ShardInfo]] = iter) -> list[Fault]:
        """Read every byte of every shard; the shards that are not what was written.

        progress: wraps the iteration, as `rich.progress.track` does.
        """
        found = (find_fault(self.root, info) for info in progress(self.infos()))
        return [fault for fault in found if fault is not None]

    def repair(self, faults: Iterable[Fault]) -> None:
        """Forget and delete bad shards, and what interrupted writers left, so that `hyperdyn collect` makes them anew.

        No collection may be running on the folder.
        """
        with explained(f"'{self._manifest.path}'"), locked(self.root):
            self.refresh()
            bad = [f.info for f in faults if self._manifest.records.get(f.info.id) == f.info]
            self._manifest.remove(info.id for info in bad)
            for name in (name for info in bad for name in info.files):
                (self.root / name).unlink(missing_ok=True)
            for partial in self.root.glob(f"**/*{TEMPORARY}*"):
                partial.unlink(missing_ok=True)
