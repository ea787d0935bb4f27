"""The list of what a collection holds, safe against crashes and against several writers.

`manifest.json` is the whole list, replaced in one step. Records since then are lines of a journal, so that one more
shard costs one line and not the rewriting of thousands. Each list has a journal of its own, `manifest.N.journal`, which
only grows, and which goes only after the next list has taken its records over.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from hyperdyn.errors import ShardError
from hyperdyn.files import write_whole
from hyperdyn.shards.format import FORMAT_VERSION, Header, ShardId, ShardInfo

MANIFEST = "manifest.json"
JOURNALS = "manifest.*.journal"
COMPACT_AT = 256
"""Journal lines before the list is rewritten; as many as the list is long, so that n shards cost O(n) in all."""
MEND = "bring the file back from a copy, or move the folder away and collect anew"


class Manifest:
    """Header and records of one folder, read anew on `refresh`. Only a holder of the lock may change it.

    Reading needs no lock: a journal that was read while its list stood unchanged holds all later records. An unfinished
    last line is a crash or a writer at work; it is no record.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.header: Header
        self.records: dict[ShardId, ShardInfo] = {}
        self._listed = 0
        self._number = 0  # of the list
        self._seen: tuple[int, ...] = ()  # which file the list was
        self._read_to = 0  # bytes of the journal
        self._lines = 0

    @property
    def path(self) -> Path:
        return self.root / MANIFEST

    @property
    def journal(self) -> Path:
        return self.root / JOURNALS.replace("*", str(self._number))

    def refresh(self) -> None:
        """Take over what others wrote.

        Raises:
            ShardError: no manifest, an unreadable one, or one of another format version.
        """
        while True:
            stat = self._stat()
            if stat != self._seen:
                self._read_list()
                self._seen = stat
            self._read_journal()
            if self._stat() == stat:
                return

    def create(self, header: Header) -> None:
        """Write an empty manifest. The caller holds the lock."""
        self.header = header
        self._write_list(())

    def add(self, info: ShardInfo) -> None:
        """Record one shard. The caller holds the lock and has refreshed.

        What is interrupted stays: a reader, who needs no lock, may have seen the whole line.
        """
        line = json.dumps(info.to_json()).encode() + b"\n"
        with open(self.journal, "ab") as file:
            file.truncate(self._read_to)  # drops the unfinished line of a writer that died
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        self._remember(info)
        self._read_to += len(line)
        self._lines += 1
        if self._lines >= max(COMPACT_AT, self._listed):
            self.compact()

    def add_all(self, infos: Iterable[ShardInfo]) -> None:
        """Record many shards in one step. The caller holds the lock and has refreshed."""
        for info in infos:
            self._remember(info)
        self._write_list(self.records.values())

    def remove(self, ids: Iterable[ShardId]) -> None:
        """Forget shards. The caller holds the lock and has refreshed."""
        gone = set(ids)
        self._write_list(info for key, info in self.records.items() if key not in gone)

    def compact(self) -> None:
        """Move the journal into the list. The caller holds the lock and has refreshed."""
        if self._lines:
            self._write_list(self.records.values())

    def _remember(self, info: ShardInfo) -> None:
        self.records.setdefault(info.id, info)

    def _stat(self) -> tuple[int, ...]:
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            raise ShardError(
                f"no trajectories in '{self.root}'",
                got="no manifest.json",
                fix=f"collect them: hyperdyn collect data_dir={self.root}",
            ) from None
        return stat.st_ino, stat.st_size, stat.st_mtime_ns

    def _read_journal(self) -> None:
        try:
            with open(self.journal, "rb") as file:
                file.seek(self._read_to)
                new = file.read()
        except FileNotFoundError:
            return
        whole = new[: new.rfind(b"\n") + 1]
        for line in whole.splitlines():
            self._remember(ShardInfo.from_json(self._parsed(line, self.journal)))
            self._lines += 1
        self._read_to += len(whole)

    def _read_list(self) -> None:
        values = self._parsed(self.path.read_bytes(), self.path)
        version = values.get("header", {}).get("format_version")
        if version != FORMAT_VERSION:
            raise ShardError(
                f"'{self.root}' is of another format",
                got=f"format version {version}",
                expected=f"format version {FORMAT_VERSION}",
                fix="collect the data anew into another folder, or use the version of hyperdyn that wrote it",
            )
        self.header = Header.from_json(values["header"])
        if not isinstance(values.get("shards"), list):
            raise ShardError(f"'{self.path}' is damaged", got="no list of shards", fix=MEND)
        shards = [ShardInfo.from_json(v) for v in values["shards"]]
        self._begin(values.get("number", 0), shards)

    def _begin(self, number: int, shards: list[ShardInfo]) -> None:
        self.records = {info.id: info for info in shards}
        self._listed = len(shards)
        self._number, self._read_to, self._lines = number, 0, 0

    def _write_list(self, records: Iterable[ShardInfo]) -> None:
        shards = list(records)
        number = self._number + 1
        lines = ",\n".join(json.dumps(info.to_json()) for info in shards)
        header = json.dumps(self.header.to_json(), indent=1)
        text = f'{{"number": {number},\n"header": {header},\n"shards": [\n{lines}\n]}}\n'
        write_whole(self.path, text.encode())
        for old in self.root.glob(JOURNALS):
            old.unlink(missing_ok=True)
        self._begin(number, shards)
        self._seen = self._stat()

    def _parsed(self, text: bytes, path: Path) -> dict[str, Any]:
        try:
            values = json.loads(text)
        except ValueError as error:
            raise ShardError(
                f"'{path}' is damaged",
                got=str(error),
                fix=MEND,
            ) from error
        if not isinstance(values, dict):
            raise ShardError(f"'{path}' is not a manifest", got=type(values).__name__, expected="an object")
        return values
