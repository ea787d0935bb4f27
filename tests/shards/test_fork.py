"""A fork begins as its source and goes its own way."""

import os
from pathlib import Path

import numpy as np
import pytest

from hyperdyn.errors import ShardError
from hyperdyn.shards import Header, ShardStore
from hyperdyn.shards.fork import fork

HEADER = Header("Point-v0", "point", ("mass",), 2, 1, 0.05, 7)


def put(store: ShardStore, system: int, round: int = 0) -> None:
    obs = np.full((2, 4, 2), system + 0.5)
    store.append(split="train", system=system, round=round, factors=[1.0], obs=obs, action=np.zeros((2, 3, 1)))


@pytest.fixture
def source(tmp_path: Path) -> ShardStore:
    store = ShardStore.create(tmp_path / "source", HEADER)
    for system in range(3):
        put(store, system)
    return store


def test_a_fork_holds_what_its_source_held(source: ShardStore, tmp_path: Path) -> None:
    own = fork(source.root, tmp_path / "own")
    assert own.infos() == source.infos() == ShardStore.open(tmp_path / "own").infos()
    assert own.verify() == []
    np.testing.assert_array_equal(own.load(own.infos()[1]).obs, source.load(source.infos()[1]).obs)


def test_neither_sees_what_the_other_adds(source: ShardStore, tmp_path: Path) -> None:
    own = fork(source.root, tmp_path / "own")
    put(own, 0, round=1)
    put(source, 7)
    source.refresh()
    own.refresh()
    assert ("train", 0, 1) in own
    assert ("train", 0, 1) not in source
    assert ("train", 7, 0) not in own


def test_a_fork_continued_keeps_its_own_and_takes_what_is_missing(source: ShardStore, tmp_path: Path) -> None:
    put(fork(source.root, tmp_path / "own"), 0, round=1)
    put(source, 7)
    again = fork(source.root, tmp_path / "own")
    assert {i.id for i in again.infos()} == {("train", s, 0) for s in (0, 1, 2, 7)} | {("train", 0, 1)}
    assert again.verify() == []


def test_a_file_system_without_links_gets_copies(
    source: ShardStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr("os.link", refuse)
    own = fork(source.root, tmp_path / "own")
    assert own.verify() == []
    assert own.infos() == source.infos()


def test_two_processes_may_make_the_same_fork(
    source: ShardStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a file system without links, the second one while the first gives a file its name."""
    replace, waiting = os.replace, [True]

    def refuse(*_: object) -> None:
        raise PermissionError

    def after_the_other(*paths: Path) -> None:
        if waiting and str(paths[1]).endswith(".safetensors"):
            waiting.clear()
            fork(source.root, tmp_path / "own")
        replace(*paths)

    monkeypatch.setattr("os.link", refuse)
    monkeypatch.setattr("os.replace", after_the_other)
    own = fork(source.root, tmp_path / "own")
    assert not waiting
    assert own.verify() == []
    assert own.infos() == source.infos()
    assert {f.name for f in (own.root / "train").iterdir()} == {f.name for f in (source.root / "train").iterdir()}


def test_other_data_are_not_forked_over(source: ShardStore, tmp_path: Path) -> None:
    other = Header("Other-v0", "other", ("mass",), 2, 1, 0.05, 7)
    ShardStore.create(tmp_path / "own", other)
    with pytest.raises(ShardError, match="holds other data"):
        fork(source.root, tmp_path / "own")
    with pytest.raises(ShardError):
        fork(tmp_path / "nothing", tmp_path / "new")
