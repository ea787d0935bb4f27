"""The lock file holds exact versions that lie in the ranges of setup.cfg."""

from __future__ import annotations

import configparser
import re
from importlib.metadata import PackageNotFoundError, requires
from itertools import combinations
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
BESIDE = ["benchmarks/requirements.lock", "docs/requirements.lock", "tests/requirements.lock"]
"""Installed beside requirements.lock for one purpose each."""
TESTED = ["hub", "minari", "onnx", "parquet", "slurm", "stable-worldmodel"]
"""Extras that tests need and nothing else does."""
IN_PART = {"stable-worldmodel"}
"""Packages that tests need a part of, installed without what the rest of it depends on."""


def requirements(text: str) -> list[Requirement]:
    return [Requirement(line) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def locked(name: str) -> dict[str, Requirement]:
    return {canonicalize_name(r.name): r for r in requirements((ROOT / name).read_text())}


def declared(*extras: str) -> list[Requirement]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    texts = [setup["options"]["install_requires"], *(setup["options.extras_require"][extra] for extra in extras)]
    return [r for text in texts for r in requirements(text)]


@pytest.mark.parametrize("name", ["requirements.lock", *BESIDE])
def test_versions_are_exact_and_public(name: str) -> None:
    for requirement in locked(name).values():
        assert re.fullmatch(r"==[0-9][0-9a-z.]*", str(requirement.specifier)), requirement
        assert requirement.url is None


@pytest.mark.parametrize("requirement", declared("pushing", "dev"), ids=str)
def test_the_lock_lies_in_the_ranges(requirement: Requirement) -> None:
    (exact,) = locked("requirements.lock")[canonicalize_name(requirement.name)].specifier
    assert requirement.specifier.contains(exact.version)


@pytest.mark.parametrize("requirement", declared("bench"), ids=str)
def test_what_benchmarks_compare_with_is_locked_apart(requirement: Requirement) -> None:
    name = canonicalize_name(requirement.name)
    assert name in locked("benchmarks/requirements.lock") or name in locked("requirements.lock")


@pytest.mark.parametrize("requirement", declared("docs"), ids=str)
def test_what_makes_the_site_is_locked_apart(requirement: Requirement) -> None:
    everything = {**locked("requirements.lock"), **locked("docs/requirements.lock")}
    (exact,) = everything[canonicalize_name(requirement.name)].specifier
    assert requirement.specifier.contains(exact.version)


@pytest.mark.parametrize("requirement", declared(*TESTED), ids=str)
def test_what_the_tests_of_the_extras_need_is_locked_apart(requirement: Requirement) -> None:
    everything = {**locked("requirements.lock"), **locked("tests/requirements.lock")}
    (exact,) = everything[canonicalize_name(requirement.name)].specifier
    assert requirement.specifier.contains(exact.version)


def test_every_extra_is_locked_somewhere() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert set(setup["options.extras_require"]) == {"pushing", "dev", "bench", "docs", *TESTED}


@pytest.mark.parametrize("name", sorted(set(locked("tests/requirements.lock")) - IN_PART))
def test_the_lock_of_the_tests_is_whole(name: str) -> None:
    """It is installed without dependencies: each must be in a lock, in the range that the package asks for."""
    everything = {**locked("requirements.lock"), **locked("tests/requirements.lock")}
    extras = {"", *(extra for r in declared(*TESTED) if canonicalize_name(r.name) == name for extra in r.extras)}
    try:
        needs = [Requirement(text) for text in requires(name) or ()]
    except PackageNotFoundError:
        pytest.skip("not installed")
    for need in needs:
        if need.marker is None or any(need.marker.evaluate({"extra": extra}) for extra in extras):
            (exact,) = everything[canonicalize_name(need.name)].specifier
            assert need.specifier.contains(exact.version), need


@pytest.mark.parametrize("bad", ["lightning==2.6.2", "lightning==2.6.3", "mujoco==4.0.0", "torch==2.9.0"])
def test_versions_known_to_be_harmful_are_excluded(bad: str) -> None:
    wrong = Requirement(bad)
    (exact,) = wrong.specifier
    (ours,) = (r for r in declared() if r.name == wrong.name)
    assert not ours.specifier.contains(exact.version)


@pytest.mark.parametrize("beside", BESIDE)
def test_two_lock_files_do_not_disagree(beside: str) -> None:
    assert not set(locked("requirements.lock")) & set(locked(beside))


@pytest.mark.parametrize(("one", "other"), list(combinations(BESIDE, 2)))
def test_what_two_lock_files_share_has_one_version(one: str, other: str) -> None:
    for name in set(locked(one)) & set(locked(other)):
        assert locked(one)[name].specifier == locked(other)[name].specifier, name
