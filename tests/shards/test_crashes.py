"""Crashes at the worst moment, a full disk, two writers at once: nothing is lost, nothing is half there."""

import errno
import multiprocessing
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperdyn.errors import ShardError
from hyperdyn.shards import Header, ShardStore, manifest
from hyperdyn.shards.format import ShardInfo

HEADER = Header("Point-v0", "point", ("mass",), 2, 1, 0.05, 0)


def put(store: ShardStore, system: int, value: float = 0.0) -> ShardInfo:
    obs, action = np.full((1, 4, 2), value + system), np.zeros((1, 3, 1))
    return store.append(split="train", system=system, round=0, factors=(1.0,), obs=obs, action=action)


def journal(root: Path) -> Path:
    (found,) = root.glob("manifest.*.journal")
    return found


def systems(root: Path) -> list[int]:
    return [info.system for info in ShardStore.open(root).history("train")]


def test_an_unfinished_record_is_none_and_the_next_one_replaces_it(tmp_path: Path) -> None:
    store = ShardStore.create(tmp_path, HEADER)
    put(store, 0)
    put(store, 1)
    text = journal(tmp_path).read_bytes()
    journal(tmp_path).write_bytes(text[:-7])
    assert systems(tmp_path) == [0]
    later = ShardStore.open(tmp_path)
    put(later, 2)
    put(later, 1)
    assert systems(tmp_path) == [0, 2, 1]


def test_a_file_without_a_record_is_written_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = ShardStore.create(tmp_path, HEADER)
    with monkeypatch.context() as crash:
        crash.setattr(manifest.Manifest, "add", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            put(store, 0, value=5.0)
    assert (tmp_path / "train/00000-00.safetensors").exists()
    assert systems(tmp_path) == []
    info = put(ShardStore.open(tmp_path), 0)
    assert ShardStore.open(tmp_path).load(info).obs[0, 0, 0] == 0.0


def _interrupt(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_crash_while_the_list_takes_over_its_journal_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ShardStore.create(tmp_path, HEADER)
    for n in range(3):
        put(store, n)
    with monkeypatch.context() as crash:
        crash.setattr(Path, "unlink", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            store.close()
    assert systems(tmp_path) == [0, 1, 2]
    put(ShardStore.open(tmp_path), 3)
    assert systems(tmp_path) == [0, 1, 2, 3]


def test_a_reader_misses_nothing_while_the_list_takes_over_its_journal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    writer = ShardStore.create(tmp_path, HEADER)
    reader = ShardStore.open(tmp_path)
    put(writer, 0)
    read = manifest.Manifest._read_journal
    taken_over = []

    def late(own: manifest.Manifest) -> None:
        if own is reader._manifest and not taken_over:
            taken_over.append(True)
            writer.close()
            put(writer, 1)
        read(own)

    monkeypatch.setattr(manifest.Manifest, "_read_journal", late)
    reader.refresh()
    assert taken_over
    assert [info.system for info in reader.infos()] == [0, 1]


@pytest.mark.parametrize("call", [1, 2, 3, 4], ids=["shard", "its folder", "its record", "manifest"])
def test_a_full_disk_is_explained_and_the_store_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: int
) -> None:
    monkeypatch.setattr(manifest, "COMPACT_AT", 2)
    store = ShardStore.create(tmp_path, HEADER)
    put(store, 0)
    calls, fsync = [], os.fsync

    def full(fd: int) -> None:
        calls.append(fd)
        if len(calls) == call:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(fd)

    with monkeypatch.context() as disk:
        disk.setattr(os, "fsync", full)
        with pytest.raises(ShardError, match=r"disk is full[\s\S]*train/00001-00[\s\S]*free some space"):
            put(store, 1)
    assert not list(tmp_path.glob("**/*.partial-*"))
    assert put(store, 1).system == 1
    assert put(store, 2).system == 2
    assert systems(tmp_path) == [0, 1, 2]
    assert ShardStore.open(tmp_path).verify() == []


def test_a_reader_who_saw_a_record_before_its_writer_was_interrupted_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ShardStore.create(tmp_path, HEADER)
    put(store, 0)
    reader, journal, fsync = ShardStore.open(tmp_path), store._manifest.journal, os.fsync

    def interrupted(fd: int) -> None:
        if journal.exists() and os.path.samestat(os.fstat(fd), journal.stat()):
            reader.refresh()
            raise KeyboardInterrupt
        fsync(fd)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", interrupted)
        with pytest.raises(KeyboardInterrupt):
            put(store, 1)
    put(ShardStore.open(tmp_path), 12345)
    reader.refresh()
    assert [info.system for info in reader.infos()] == systems(tmp_path) == [0, 1, 12345]


def test_what_a_killed_writer_leaves_is_swept_by_repair(tmp_path: Path) -> None:
    store = ShardStore.create(tmp_path, HEADER)
    put(store, 0)
    left = tmp_path / "train/00001-00.safetensors.partial-1-ab"
    left.write_bytes(b"half")
    assert store.verify() == []
    store.repair([])
    assert not left.exists()
    assert systems(tmp_path) == [0]


def _write(root: Path, chosen: list[int], value: float) -> None:
    manifest.COMPACT_AT = 3
    store = ShardStore.open(root)
    for n in chosen:
        put(store, n, value)


def test_two_writers_lose_nothing_and_a_reader_sees_the_list_grow(tmp_path: Path) -> None:
    reader = ShardStore.create(tmp_path, HEADER)
    fork = multiprocessing.get_context("fork")
    writers = [
        fork.Process(target=_write, args=(tmp_path, list(range(0, 40)), 0.0)),
        fork.Process(target=_write, args=(tmp_path, list(range(59, 19, -1)), 0.5)),
    ]
    for w in writers:
        w.start()
    seen: list[ShardInfo] = []
    while any(w.is_alive() for w in writers):
        reader.refresh()
        now = reader.history("train")
        assert now[: len(seen)] == seen
        seen = now
    for w in writers:
        w.join()
        assert w.exitcode == 0
    store = ShardStore.open(tmp_path)
    assert [i.system for i in store.infos()] == list(range(60))
    assert store.verify() == []
    assert {float(store.load(i).obs[0, 0, 0]) - i.system for i in store.infos()} <= {0.0, 0.5}
