"""An evaluation's systems are frozen."""

import json
from dataclasses import replace
from importlib import resources
from pathlib import Path

import numpy as np
import pytest

from hyperdyn import envs
from hyperdyn.envs.loading import available
from hyperdyn.envs.spec import Factor, Family
from hyperdyn.errors import HyperdynError
from hyperdyn.evaluate.manifest import EvaluationManifest

PACKAGED = resources.files("hyperdyn.conf") / "evaluation"


def test_a_manifest_survives_its_file(point_mass: Family, tmp_path: Path) -> None:
    built = EvaluationManifest.build(point_mass, systems=4, seed=7)
    built.save(tmp_path / "m.json")
    loaded = EvaluationManifest.load(tmp_path / "m.json")
    assert loaded == built
    assert loaded.sha256 == built.sha256
    loaded.check(point_mass)


def test_its_systems_are_the_familys_own_draws(point_mass: Family) -> None:
    manifest = EvaluationManifest.build(point_mass, systems=5, seed=7)
    for split in ("train", "interpolation", "extrapolation"):
        factors, starts = manifest.systems(split, 3)
        np.testing.assert_array_equal(factors, point_mass.draw(split, 3, 7))
        assert len(set(starts)) == 3


@pytest.mark.parametrize("where", ["factors", "starts"])
def test_any_change_to_the_file_is_noticed(point_mass: Family, tmp_path: Path, where: str) -> None:
    path = tmp_path / "m.json"
    EvaluationManifest.build(point_mass, systems=2, seed=0).save(path)
    content = json.loads(path.read_text())
    values = content["splits"]["extrapolation"][where]
    if where == "factors":
        values[0][0] += 1e-12
    else:
        values[0] += 1
    path.write_text(json.dumps(content))
    with pytest.raises(HyperdynError, match="was changed"):
        EvaluationManifest.load(path)


def test_a_family_whose_ranges_moved_is_refused(point_mass: Family) -> None:
    manifest = EvaluationManifest.build(point_mass, systems=2, seed=0)
    moved = replace(point_mass, factors={**point_mass.factors, "gain": Factor("N", 1.0, train=((0.6, 2.0),))})
    with pytest.raises(HyperdynError, match="another definition"):
        manifest.check(moved)


def test_more_systems_than_there_are_and_unknown_splits_are_refused(point_mass: Family) -> None:
    manifest = EvaluationManifest.build(point_mass, systems=2, seed=0)
    with pytest.raises(HyperdynError, match="fewer systems"):
        manifest.systems("train", 3)
    with pytest.raises(HyperdynError, match="did you mean 'train'"):
        manifest.systems("trian")


@pytest.mark.parametrize("name", sorted(p.name.removesuffix(".json") for p in PACKAGED.iterdir()))
def test_the_manifests_of_the_package_are_whole_and_of_the_families_as_they_are(name: str) -> None:
    family = envs.load(name)
    manifest = EvaluationManifest.of(family)  # raises where it was changed, or the family was
    wanted = 64 if name.startswith("pushing") else 32
    assert {len(s.starts) for s in manifest.splits.values()} == {wanted}
    starts = [start for s in manifest.splits.values() for start in s.starts]
    assert len(set(starts)) == len(starts)


def test_every_family_that_comes_with_the_package_has_a_manifest() -> None:
    assert {p.name.removesuffix(".json") for p in PACKAGED.iterdir()} == set(available())
