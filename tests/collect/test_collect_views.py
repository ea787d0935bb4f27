"""Views that are collected with the episodes: which moments, and of what state."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from hyperdyn.behaviour.random_uniform import RandomUniform
from hyperdyn.collect import collect, description
from hyperdyn.envs.simulator import AbstractSimulator, HasCameras
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, ShardError
from hyperdyn.shards import ShardStore
from hyperdyn.views import Views

Array = NDArray[np.float64]


class Watched(AbstractSimulator):
    """A simulator with one camera of one pixel; what it sees is the state."""

    def __init__(self, inner: AbstractSimulator) -> None:
        self.inner, self.batch = inner, inner.batch

    def reset(self, seeds: Sequence[int]) -> Array:
        return self.inner.reset(seeds)

    def observe(self, state: Array) -> Array:
        return self.inner.observe(state)

    def state_of(self, obs: Array) -> Array:
        return self.inner.state_of(obs)

    def rollout(self, state: Array, action: Array) -> Array:
        return self.inner.rollout(state, action)

    def views(self, system: int, state: Array) -> Views:
        eye = torch.eye(4)[None, None]
        pose = torch.tensor([[*state, float(system)]], dtype=torch.float32)
        return Views(torch.zeros(1, 1, 3, 1, 1), torch.ones(1, 1, 1, 1), eye[..., :3, :3].clone(), eye, pose=pose)


@pytest.fixture
def watched(point_mass: Family) -> Family:
    return replace(point_mass, simulator=lambda family, factors: Watched(point_mass.simulator(family, factors)))


def gather(family: Family, root: Path, views: int | None, seed: int = 0) -> ShardStore:
    return collect(
        family,
        root,
        split="train",
        systems=2,
        episodes=3,
        steps=7,
        behaviour=RandomUniform(),
        seed=seed,
        views=views,
        progress=False,
    )


@pytest.mark.parametrize(("every", "steps"), [(0, [0]), (3, [0, 3, 6]), (7, [0, 7])])
def test_moments_are_stored_at_the_start_and_at_the_stride(
    watched: Family, tmp_path: Path, every: int, steps: list[int]
) -> None:
    store = gather(watched, tmp_path, every)
    assert isinstance(watched.simulate(watched.nominal[None]), HasCameras)
    for info in store.infos():
        views, data = store.load_views(info), store.load(info)
        assert views is not None
        assert views.episode.tolist() == [e for e in range(3) for _ in steps]
        assert views.step.tolist() == steps * 3
        for i in range(len(views)):
            pose = views.at(i).pose
            assert pose is not None
            np.testing.assert_array_equal(pose[0, :2], data.obs[views.episode[i], views.step[i]])


def test_without_the_option_nothing_is_stored(watched: Family, tmp_path: Path) -> None:
    store = gather(watched, tmp_path, None)
    assert all(store.load_views(info) is None for info in store.infos())


def test_the_same_arguments_give_the_same_bytes_and_others_another_folder(watched: Family, tmp_path: Path) -> None:
    one, other = gather(watched, tmp_path / "a", 3), gather(watched, tmp_path / "b", 3)
    assert [i.views_sha256 for i in one.infos()] == [i.views_sha256 for i in other.infos()]
    assert gather(watched, tmp_path / "a", 3).infos() == one.infos()
    with pytest.raises(ShardError, match="another behaviour"):
        gather(watched, tmp_path / "a", 2)


def drawn_by(
    make: Callable[[Family, Array], AbstractSimulator],
    family: Family,
    factors: Array,
    *,
    renderer: str = "tiny",
    pixels: int = 128,
) -> AbstractSimulator:
    return Watched(make(family, factors))


def test_other_pictures_are_another_collection_and_the_usual_ones_the_same(point_mass: Family, tmp_path: Path) -> None:
    usual, said, other, small = (
        replace(point_mass, simulator=partial(drawn_by, point_mass.simulator, **given))
        for given in ({}, {"renderer": "tiny", "pixels": 128}, {"renderer": "egl"}, {"pixels": 64})
    )
    infos = gather(usual, tmp_path / "a", 0).infos()
    assert gather(said, tmp_path / "a", 0).infos() == infos
    for family, asked in ((other, "'renderer': 'egl'"), (small, "'pixels': 64")):
        with pytest.raises(ShardError, match=f"(?s)other cameras.*expected: .*{asked}"):
            gather(family, tmp_path / "a", 0)
    assert gather(usual, tmp_path / "blind", None).infos() == gather(other, tmp_path / "blind", None).infos()


def test_classes_and_functions_are_told_apart_by_name() -> None:
    assert description({"env": Family, "draw": gather}) == {
        "env": "hyperdyn.envs.spec.Family",
        "draw": f"{__name__}.gather",
    }


def test_views_of_a_family_without_cameras_are_refused(point_mass: Family, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="'point_mass' has no cameras"):
        gather(point_mass, tmp_path / "a", 0)
    with pytest.raises(ConfigError, match="'views' of a collection"):
        gather(point_mass, tmp_path / "b", -1)
