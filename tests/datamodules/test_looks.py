"""One look at each system of a batch: of the right system, never of the episode that is asked about."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from hyperdyn.datamodules.trajectories import TrajectoryDataModule
from hyperdyn.errors import ConfigError, ShapeError, ShardError
from hyperdyn.evaluate.windows import Windows
from hyperdyn.shards import Header, ShardStore
from hyperdyn.shards.views import Moment, ShardViews, views_bytes
from hyperdyn.types import Batch
from hyperdyn.views import Views

SYSTEMS, EPISODES, STEPS = 4, 4, 10
HEADER = Header("Labels-v0", "labels", ("a",), 3, 1, 0.05, 0)


def labelled(system: int, episode: int, step: int, size: int = 2) -> Views:
    """A look whose pose says which moment it is."""
    eye = torch.eye(4).expand(1, 1, 4, 4)
    ones = torch.ones(1, 1, size, size)
    pose = torch.tensor([[system, episode, step]], dtype=torch.float32)
    return Views(torch.zeros(1, 1, 3, size, size), ones, eye[..., :3, :3].contiguous(), eye.contiguous(), pose=pose)


def moments(system: int, size: int = 2) -> Iterator[Moment]:
    for e in range(EPISODES):
        for t in range(0, STEPS + 1, 5):
            yield e, t, labelled(system, e, t, size)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Observations are (system, episode, t); the last system was collected without views."""
    store = ShardStore.create(tmp_path / "data", HEADER)
    for n in range(SYSTEMS):
        put(store, n, views_bytes(moments(n)) if n < SYSTEMS - 1 else b"")
    return store.root


def put(store: ShardStore, system: int, views: bytes) -> None:
    e, t = np.meshgrid(np.arange(EPISODES), np.arange(STEPS + 1), indexing="ij")
    obs = np.stack([np.full_like(e, system), e, t], axis=-1)
    action = np.zeros((EPISODES, STEPS, 1))
    store.append(split="train", system=system, round=0, factors=[1.0], obs=obs, action=action, views=views)


def batches(root: Path, **options: Any) -> list[Batch]:
    given: dict[str, Any] = {"views": 1.0, "systems": 4, "rows": 2, "history_sizes": [2], **options}
    return list(TrajectoryDataModule(str(root), **given).train_dataloader())


@pytest.mark.parametrize("context", ["support", "recent"])
def test_a_look_is_at_its_system_in_another_episode_than_the_query(root: Path, context: str) -> None:
    met: set[tuple[int, int, int]] = set()
    for batch in batches(root, context=context):
        views = batch.context.views
        assert views is not None
        assert views.pose is not None
        for b, system in enumerate(batch.system.tolist()):
            if system == SYSTEMS - 1:
                assert not views.depth[b].any()
                assert not views.pose[b].any()
                continue
            moment = tuple(views.pose[b].int().tolist())
            assert moment[0] == system
            assert moment[1] not in batch.query.obs[b, ..., 1].unique().tolist()
            assert (views.depth[b] == 1).all()
            met.add(moment)
    assert len({m[1] for m in met}) == EPISODES
    assert {m[2] for m in met} == {0, 5, 10}


def test_a_share_of_the_systems_is_not_seen(root: Path) -> None:
    seen = []
    for epoch in batches(root, views=0.5, systems=1, rows=1):
        if epoch.system[0] < SYSTEMS - 1:
            seen.append(epoch.context.views is not None)
    assert 0.35 < np.mean(seen) < 0.65


def test_looks_depend_on_seed_and_epoch_alone_and_not_on_the_batch(root: Path) -> None:
    def poses(**options: Any) -> list[list[float]]:
        found = [b.context.views.pose.tolist() for b in batches(root, **options) if b.context.views is not None]
        return [row for batch in found for row in batch]

    assert poses() == poses()
    assert poses() != poses(seed=1)
    halves: list[list[float]] = []
    streams = [TrajectoryDataModule(str(root), views=1.0, systems=4, rows=2, history_sizes=[2]).stream for _ in "ab"]
    for rank, stream in enumerate(streams):
        stream.rank, stream.world = rank, 2
    for pair in zip(*streams, strict=True):
        for batch in pair:
            views = batch.context.views
            halves += [[0.0, 0.0, 0.0]] * 2 if views is None else views.pose.tolist()
    assert halves == poses()


def test_cropped_looks_are_read_once_and_are_the_same_each_time(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[tuple[str, int]] = []
    at = ShardViews.at

    def counted(views: ShardViews, moment: int) -> Views:
        read.append((views.file, moment))
        return at(views, moment)

    monkeypatch.setattr(ShardViews, "at", counted)
    data = TrajectoryDataModule(str(root), views=1.0, systems=4, rows=2, history_sizes=[2], look_pixels=1)
    plain = batches(root)
    read.clear()
    shown = [batch.context.views for _ in range(5) for batch in data.stream]
    assert len(read) == len(set(read)) > SYSTEMS
    assert len(shown) > len(read)
    for whole, small in zip([b.context.views for b in plain], shown, strict=False):
        assert whole is not None
        assert small is not None
        assert torch.equal(small.pose, whole.pose)
        assert small.depth.shape == (4, 1, 1, 1)


def test_no_more_looks_are_remembered_than_there_is_room_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hyperdyn.shards.looks.REMEMBERED", 3)
    data = TrajectoryDataModule(str(root), views=1.0, systems=4, rows=2, history_sizes=[2], look_pixels=1)
    poses = [batch.context.views.pose for batch in data.stream]
    assert len(data.stream._looks._remembered) == 3
    assert all(map(torch.equal, poses, [b.context.views.pose for b in batches(root)]))


def test_without_the_option_there_are_no_views(root: Path) -> None:
    assert all(batch.context.views is None for batch in batches(root, views=None))


def test_a_folder_without_views_is_refused(tmp_path: Path) -> None:
    store = ShardStore.create(tmp_path / "blind", HEADER)
    put(store, 0, b"")
    with pytest.raises(ShardError, match="no views in split 'train'"):
        batches(store.root)
    with pytest.raises(ConfigError, match=r"data\.views"):
        batches(store.root, views=0.0)
    with pytest.raises(ConfigError, match=r"data\.look_pixels"):
        batches(store.root, look_pixels=0)


def test_pictures_of_two_sizes_do_not_go_together(tmp_path: Path) -> None:
    store = ShardStore.create(tmp_path / "mixed", HEADER)
    for n in range(4):
        put(store, n, views_bytes(moments(n, size=2 + n % 2)))
    with pytest.raises(ShapeError, match="rgb differs"):
        batches(store.root)


def test_evaluation_looks_at_other_episodes_too_and_always_at_the_same_ones(root: Path) -> None:
    store = ShardStore.open(root)
    windows = Windows((2,), horizon=1, rows=4)
    (batch,), (again,) = (list(windows.batches(store, "train")) for _ in range(2))
    assert batch.context.views is not None
    assert again.context.views is not None
    assert torch.equal(batch.context.views.pose, again.context.views.pose)
    for b in range(SYSTEMS - 1):
        assert batch.context.views.pose[b, 0] == batch.system[b]
        assert batch.context.views.pose[b, 1] not in batch.query.obs[b, ..., 1]
    (blind,) = replace(windows, views=False).batches(store, "train")
    assert blind.context.views is None
    assert torch.equal(blind.query.obs, batch.query.obs)
    assert windows.first(batch.context, 0).views is batch.context.views
