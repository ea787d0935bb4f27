"""What goes into a store comes out of it, and nothing goes in that breaks the contract."""

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperdyn.errors import HyperdynError, ShapeError, ShardError
from hyperdyn.shards import Header, ShardStore, manifest
from hyperdyn.shards.format import ShardInfo

HEADER = Header("Point-v0", "point", ("mass", "drag"), 3, 2, 0.05, 7, {"kind": "random", "share": 0.5}, {"numpy": "2"})


def episodes(seed: int = 0, E: int = 3, L: int = 5) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {"factors": (1.5, 0.1), "obs": rng.normal(size=(E, L + 1, 3)), "action": rng.uniform(-1, 1, (E, L, 2))}


def put(store: ShardStore, system: int, split: str = "train", round: int = 0, **changes: Any) -> ShardInfo:
    return store.append(split=split, system=system, round=round, **{**episodes(system), **changes})


def test_arrays_and_record_survive_the_disk(tmp_path: Path) -> None:
    info = put(ShardStore.create(tmp_path, HEADER), 4, length=[5, 2, 4])
    store = ShardStore.open(tmp_path)
    (found,) = store.infos()
    data = store.load(found)
    given = episodes(4)
    assert found == info
    assert (found.factors, found.lengths, found.steps) == ((1.5, 0.1), (5, 2, 4), 5)
    assert store.header == HEADER
    np.testing.assert_array_equal(data.obs[0], given["obs"][0].astype(np.float32))
    np.testing.assert_array_equal(data.action[2, :4], given["action"][2, :4].astype(np.float32))
    assert (data.obs.dtype, data.action.dtype, data.length.tolist()) == (np.float32, np.float32, [5, 2, 4])


def test_rows_past_an_episode_are_zero_even_if_they_were_nan(tmp_path: Path) -> None:
    given = episodes()
    given["obs"][1, 3:] = np.nan
    given["action"][1, 2:] = np.inf
    store = ShardStore.create(tmp_path, HEADER)
    data = store.load(put(store, 0, obs=given["obs"], action=given["action"], length=[5, 2, 5]))
    assert not data.obs[1, 3:].any()
    assert not data.action[1, 2:].any()
    assert data.obs[1, 2].all()


def test_equal_contents_are_equal_bytes(tmp_path: Path) -> None:
    one, other = (put(ShardStore.create(tmp_path / name, HEADER), 0) for name in ("one", "other"))
    assert one.sha256 == other.sha256


def test_a_shard_that_is_there_stays(tmp_path: Path) -> None:
    store = ShardStore.create(tmp_path, HEADER)
    first = put(store, 0)
    again = put(ShardStore.open(tmp_path), 0, obs=episodes(9)["obs"])
    assert again == first
    np.testing.assert_array_equal(store.load(first).obs, episodes(0)["obs"].astype(np.float32))


def test_infos_are_ordered_and_chosen(tmp_path: Path) -> None:
    store = ShardStore.create(tmp_path, HEADER)
    for split, system, round in (("train", 2, 0), ("far", 0, 0), ("train", 0, 1), ("train", 0, 0)):
        put(store, system, split, round)
    assert [i.id for i in store.infos()] == [("far", 0, 0), ("train", 0, 0), ("train", 0, 1), ("train", 2, 0)]
    assert [i.id for i in store.infos("train", round=0)] == [("train", 0, 0), ("train", 2, 0)]
    assert [i.id for i in store.history("train")] == [("train", 2, 0), ("train", 0, 1), ("train", 0, 0)]
    assert ("train", 2, 0) in store
    assert ("train", 1, 0) not in store


@pytest.mark.parametrize("compact_at", [1, 3, 1000])
def test_the_manifest_is_the_same_however_often_it_is_rewritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compact_at: int
) -> None:
    monkeypatch.setattr(manifest, "COMPACT_AT", compact_at)
    watcher = ShardStore.create(tmp_path, HEADER)
    written = []
    with ShardStore.open(tmp_path) as store:
        for n in range(8):
            written.append(put(store, n))
            watcher.refresh()
            assert watcher.history("train") == written
            assert ShardStore.open(tmp_path).history("train") == written
    plain = json.loads((tmp_path / "manifest.json").read_text())
    assert [s["system"] for s in plain["shards"]] == list(range(8))
    assert ShardStore.open(tmp_path).history("train") == written
    watcher.refresh()
    assert watcher.history("train") == written


def test_mapped_shards_keep_no_file_open(tmp_path: Path) -> None:
    store = ShardStore.create(tmp_path, HEADER)
    infos = [put(store, n) for n in range(20)]
    before = len(os.listdir("/proc/self/fd"))
    mapped = [store.load(info) for info in infos]
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(mapped) == 20


BAD: dict[str, tuple[dict[str, Any], type[HyperdynError], str]] = {
    "obs as long as action": ({"obs": np.zeros((3, 5, 3))}, ShapeError, "fit"),
    "another state": ({"obs": np.zeros((3, 6, 4))}, ShapeError, "fit"),
    "another action": ({"action": np.zeros((3, 5, 1))}, ShapeError, "fit"),
    "no episode": ({"obs": np.zeros((0, 6, 3)), "action": np.zeros((0, 5, 2))}, ShapeError, "fit"),
    "one episode, no axis": ({"obs": np.zeros((6, 3)), "action": np.zeros((5, 2))}, ShapeError, "episodes"),
    "length 0": ({"length": [5, 0, 5]}, ShapeError, "lengths"),
    "length 6": ({"length": [5, 6, 5]}, ShapeError, "lengths"),
    "two lengths": ({"length": [5, 5]}, ShapeError, "lengths"),
    "one factor": ({"factors": (1.0,)}, ShapeError, "factors"),
    "NaN in obs": ({"obs": np.full((3, 6, 3), np.nan)}, ShardError, "NaN"),
    "infinite factor": ({"factors": (1.0, np.inf)}, ShardError, "NaN or infinity"),
    "action of 1.1": ({"action": np.full((3, 5, 2), -1.1)}, ShardError, "box"),
    "split outside the folder": ({"split": "../x"}, ShardError, "folder"),
    "round -1": ({"round": -1}, ShardError, "count from 0"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_breaks_the_contract_is_refused_and_leaves_nothing(tmp_path: Path, case: str) -> None:
    changes, error, says = BAD[case]
    store = ShardStore.create(tmp_path, HEADER)
    with pytest.raises(error, match=says):
        put(store, 0, **changes)
    assert not list(tmp_path.glob("**/*.safetensors*"))
    assert ShardStore.open(tmp_path).infos() == []


def test_rounding_beyond_the_box_is_clipped(tmp_path: Path) -> None:
    store = ShardStore.create(tmp_path, HEADER)
    data = store.load(put(store, 0, action=np.full((3, 5, 2), 1 + 1e-6)))
    assert data.action.max() == 1.0


@pytest.mark.parametrize(
    "change",
    [{"env_id": "Other-v0"}, {"factor_names": ("mass",)}, {"obs_dim": 4}, {"dt": 0.1}, {"seed": 8}, {"family": "x"}],
    ids=lambda change: next(iter(change)),
)
def test_data_of_another_kind_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    ShardStore.create(tmp_path, HEADER)
    ShardStore.create(tmp_path, replace(HEADER, collector={"kind": "mpc"}))
    name, value = next(iter(change.items()))
    with pytest.raises(
        ShardError, match=rf"{name} differs[\s\S]*expected: {value!s}".replace("(", r"\(").replace(")", r"\)")
    ):
        ShardStore.create(tmp_path, replace(HEADER, **change))


def edit(change: Callable[[dict[str, Any]], object]) -> Callable[[str], str]:
    def apply(text: str) -> str:
        values = json.loads(text)
        change(values)
        return json.dumps(values)

    return apply


@pytest.mark.parametrize(
    ("damage", "says"),
    [
        (lambda text: text[:-30], "damaged"),
        (lambda text: "[]", "not a manifest"),
        (edit(lambda m: m["header"].update(format_version=99)), "format version 99"),
        (edit(lambda m: m["header"].pop("dt")), "other fields"),
        (edit(lambda m: m.pop("shards")), "damaged"),
        (edit(lambda m: m["shards"][0].pop("sha256")), "other fields"),
    ],
    ids=["cut", "no object", "format version", "header field", "no list", "shard field"],
)
def test_a_manifest_that_is_not_ours_is_explained(tmp_path: Path, damage: Callable[[str], str], says: str) -> None:
    with ShardStore.create(tmp_path, HEADER) as store:
        put(store, 0)
    path = tmp_path / "manifest.json"
    path.write_text(damage(path.read_text()))
    with pytest.raises(ShardError, match=says):
        ShardStore.open(tmp_path)


def test_an_empty_folder_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=f"hyperdyn collect data_dir={tmp_path}"):
        ShardStore.open(tmp_path)
