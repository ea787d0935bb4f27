"""Damaged shards are found, named, and made anew."""

from pathlib import Path

import numpy as np
import pytest

from hyperdyn.errors import ShardError
from hyperdyn.shards import Header, ShardStore

HEADER = Header("Point-v0", "point", ("mass",), 2, 1, 0.05, 0)


@pytest.fixture
def store(tmp_path: Path) -> ShardStore:
    store = ShardStore.create(tmp_path, HEADER)
    for n in range(4):
        add(store, n)
    return store


def add(store: ShardStore, system: int) -> None:
    obs = np.random.default_rng(system).normal(size=(2, 6, 2))
    store.append(split="train", system=system, round=0, factors=(1.0,), obs=obs, action=np.zeros((2, 5, 1)))


def change(store: ShardStore, system: int, damage: str) -> Path:
    path = store.root / store.infos()[system].file
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    elif damage == "truncated":
        path.write_bytes(content[:-4])
    else:
        content[-1] ^= 1
        path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("damage", "says"),
    [("missing", "is missing"), ("truncated", "bytes, the manifest says")],
    ids=["missing", "truncated"],
)
def test_loading_a_shard_of_another_size_names_it_and_the_repair(store: ShardStore, damage: str, says: str) -> None:
    path = change(store, 2, damage)
    with pytest.raises(ShardError) as error:
        store.load(store.infos()[2])
    assert f"train/{path.name}" in str(error.value)
    assert says in str(error.value)
    assert f"hyperdyn verify {store.root} repair=true" in str(error.value)


@pytest.mark.parametrize("damage", ["missing", "truncated", "one bit"])
def test_verify_names_the_bad_shard_and_repair_lets_it_be_made_anew(store: ShardStore, damage: str) -> None:
    before = store.infos()
    change(store, 1, damage)
    faults = store.verify()
    assert [fault.info.system for fault in faults] == [1]
    store.repair(faults)
    store = ShardStore.open(store.root)
    assert [info.system for info in store.infos()] == [0, 2, 3]
    add(store, 1)
    assert store.verify() == []
    assert store.infos() == before


def test_repair_spares_a_shard_that_was_made_anew_meanwhile(store: ShardStore) -> None:
    change(store, 1, "one bit")
    faults = store.verify()
    store.repair(faults)
    store.append(split="train", system=1, round=0, factors=(2.0,), obs=np.ones((2, 6, 2)), action=np.zeros((2, 5, 1)))
    store.repair(faults)
    assert store.verify() == []
    assert len(store) == 4


def test_a_file_that_is_no_shard_is_named(store: ShardStore) -> None:
    path = store.root / store.infos()[0].file
    path.write_bytes(b"\xff" * path.stat().st_size)
    with pytest.raises(ShardError, match="train/00000-00"):
        store.load(store.infos()[0])


def test_verify_reports_each_shard_as_it_goes(store: ShardStore) -> None:
    seen = []

    def watched(infos):  # type: ignore[no-untyped-def]
        for info in infos:
            seen.append(info.system)
            yield info

    store.verify(watched)
    assert seen == [0, 1, 2, 3]
