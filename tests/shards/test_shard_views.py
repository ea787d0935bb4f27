"""Views beside the shards: without loss, whole or not there, found where they were stored."""

from __future__ import annotations

import tempfile
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from hyperdyn.errors import ShardError
from hyperdyn.shards import Header, ShardInfo, ShardStore, manifest
from hyperdyn.shards.fork import fork
from hyperdyn.shards.views import DEPTH_UNIT, Moment, ShardViews, views_bytes
from hyperdyn.views import Solid, Views

HEADER = Header("Point-v0", "point", ("mass",), 2, 1, 0.05, 0)
V, H, W, CELLS = 3, 8, 10, 5
MOMENTS = [(0, 0), (0, 2), (1, 0)]


def seen(seed: int) -> Views:
    """Pictures that storing does not change: colours of 8 bits, depths in tenths of a millimetre, some none."""
    rng = torch.Generator().manual_seed(seed)
    rgb = torch.randint(0, 256, (1, V, 3, H, W), generator=rng) / 255
    depth = torch.randint(0, 65536, (1, V, H, W), generator=rng).float() * torch.tensor(DEPTH_UNIT)
    depth[:, 0, 0] = 0
    draw = lambda *shape: torch.rand(1, *shape, generator=rng)  # noqa: E731
    solid = Solid(torch.arange(CELLS**3).reshape(1, CELLS, CELLS, CELLS) % 3 == 0, torch.ones(1), torch.ones(1) / 3)
    return Views(rgb, depth, draw(V, 3, 3), draw(V, 4, 4), draw(V, H, W) > 0.5, draw(3), solid)


def moments(system: int = 0) -> list[Moment]:
    return [(e, t, seen(10 * system + i)) for i, (e, t) in enumerate(MOMENTS)]


def put(store: ShardStore, system: int = 0, views: bytes | None = None) -> ShardInfo:
    content = views_bytes(moments(system)) if views is None else views
    obs, action = np.full((2, 4, 2), system), np.zeros((2, 3, 1))
    return store.append(split="train", system=system, round=0, factors=[1.0], obs=obs, action=action, views=content)


@pytest.fixture
def store(tmp_path: Path) -> ShardStore:
    store = ShardStore.create(tmp_path / "data", HEADER)
    for system in range(3):
        put(store, system)
    return store


def loaded(store: ShardStore, system: int = 0) -> ShardViews:
    views = store.load_views(store.infos()[system])
    assert views is not None
    return views


def tensors(value: Any) -> dict[str, Tensor]:
    found: dict[str, Tensor] = {}
    for f in fields(value):
        v = getattr(value, f.name)
        found |= {f.name: v} if isinstance(v, Tensor) else {} if v is None else tensors(v)
    return found


def test_every_moment_of_every_system_is_read_as_it_was_stored(store: ShardStore) -> None:
    for system in range(3):
        views = loaded(store, system)
        assert list(zip(views.episode.tolist(), views.step.tolist(), strict=True)) == MOMENTS
        for i, (_, _, expected) in enumerate(moments(system)):
            got, want = tensors(views.at(i)), tensors(expected)
            assert got.keys() == want.keys()
            for name in want:
                assert got[name].dtype == want[name].dtype
                assert torch.equal(got[name], want[name]), name


def test_depths_are_kept_to_half_a_tenth_of_a_millimetre_and_what_is_none_stays_none() -> None:
    depth = torch.linspace(0.1, 6.5, V * H * W).reshape(1, V, H, W)
    nothing = [0.0, -1.0, float("nan"), float("inf"), 6.6, 1e9]
    depth[0, 0, 0, : len(nothing)] = torch.tensor(nothing)
    stored = _round_trip(replace(seen(0), depth=depth)).depth
    assert (stored[0, 0, 0, : len(nothing)] == 0).all()
    assert (stored - depth)[stored > 0].abs().max() <= 0.51 * DEPTH_UNIT
    assert (stored > 0).sum() == depth.numel() - len(nothing)


def test_colours_are_kept_to_half_a_step() -> None:
    rgb = torch.rand(1, V, 3, H, W, generator=torch.Generator().manual_seed(0))
    assert (_round_trip(replace(seen(0), rgb=rgb)).rgb - rgb).abs().max() <= 0.501 / 255


def test_what_nobody_knows_stays_unknown() -> None:
    views = _round_trip(replace(seen(0), mask=None, pose=None, solid=None))
    assert views.mask is views.pose is views.solid is None


def _round_trip(views: Views) -> Views:
    with tempfile.TemporaryDirectory() as folder:
        store = ShardStore.create(folder, HEADER)
        put(store, 0, views_bytes([(0, 0, views)]))
        return loaded(store).at(0)


def test_equal_views_give_equal_bytes() -> None:
    assert views_bytes(moments()) == views_bytes(moments())


def test_views_that_are_not_alike_are_refused() -> None:
    odd = replace(seen(1), mask=None)
    for wrong in ([], [(0, 0, seen(0)), (0, 1, odd)]):
        with pytest.raises(ShardError, match="not alike"):
            views_bytes(wrong)


def test_a_shard_without_views_has_none_and_its_record_does_not_name_them(tmp_path: Path) -> None:
    store = ShardStore.create(tmp_path, HEADER)
    info = put(store, views=b"")
    assert store.load_views(info) is None
    assert info.files == (info.file,)
    assert "views" not in str(info.to_json())
    assert ShardInfo.from_json(info.to_json()) == info
    assert not list(tmp_path.glob("**/*.views"))


def test_the_manifest_remembers_views(store: ShardStore) -> None:
    store.close()
    again = ShardStore.open(store.root)
    assert again.infos() == store.infos()
    assert torch.equal(loaded(again, 1).at(2).rgb, loaded(store, 1).at(2).rgb)


@pytest.mark.parametrize("damage", ["missing", "truncated", "one bit"])
def test_damage_is_named_repaired_and_made_anew(store: ShardStore, damage: str) -> None:
    info = store.infos()[1]
    path = store.root / info.views_file
    content = bytearray(path.read_bytes())
    if damage == "missing":
        path.unlink()
    else:
        content[-1] ^= 1
        path.write_bytes(content[:-4] if damage == "truncated" else content)
    if damage != "one bit":
        with pytest.raises(ShardError, match="views: the file") as error:
            store.load_views(info)
        assert f"hyperdyn verify {store.root} repair=true" in str(error.value)
    faults = store.verify()
    assert [fault.info.system for fault in faults] == [1]
    assert "views" in faults[0].reason
    store.repair(faults)
    assert not (store.root / info.file).exists()
    assert not path.exists()
    assert put(store, 1) == info
    assert store.verify() == []


def test_pictures_that_are_no_pictures_are_an_error_of_the_shard(store: ShardStore) -> None:
    info = store.infos()[0]
    path = store.root / info.views_file
    content = path.read_bytes()
    path.write_bytes(content.replace(b"\x89PNG", b"\x89GNP"))
    with pytest.raises(ShardError, match="pictures of moment 1"):
        loaded(store).at(1)


def test_a_crash_before_the_record_leaves_no_views_behind_a_reader_would_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ShardStore.create(tmp_path, HEADER)
    with monkeypatch.context() as crash:
        crash.setattr(manifest.Manifest, "add", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            put(store, 0, views_bytes(moments(5)))
    assert ShardStore.open(tmp_path).infos() == []
    put(ShardStore.open(tmp_path), 0)
    again = ShardStore.open(tmp_path)
    assert torch.equal(loaded(again).at(0).rgb, seen(0).rgb)
    assert again.verify() == []
    assert not list(tmp_path.glob("**/*partial*"))


def _interrupt(*_: Any, **__: Any) -> None:
    raise KeyboardInterrupt


def test_a_fork_has_the_views_too(store: ShardStore, tmp_path: Path) -> None:
    own = fork(store.root, tmp_path / "own")
    assert own.verify() == []
    assert torch.equal(loaded(own, 2).at(1).depth, loaded(store, 2).at(1).depth)
