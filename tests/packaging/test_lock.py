"""The lock file holds exact versions that lie in the ranges of setup.cfg."""

from __future__ import annotations

import configparser
import re
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]


def requirements(text: str) -> list[Requirement]:
    return [Requirement(line) for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def locked(name: str) -> dict[str, Requirement]:
    return {canonicalize_name(r.name): r for r in requirements((ROOT / name).read_text())}


def declared(*extras: str) -> list[Requirement]:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    texts = [setup["options"]["install_requires"], *(setup["options.extras_require"][extra] for extra in extras)]
    return [r for text in texts for r in requirements(text)]


@pytest.mark.parametrize("name", ["requirements.lock", "benchmarks/requirements.lock", "docs/requirements.lock"])
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


@pytest.mark.parametrize("bad", ["lightning==2.6.2", "lightning==2.6.3", "mujoco==4.0.0", "torch==2.9.0"])
def test_versions_known_to_be_harmful_are_excluded(bad: str) -> None:
    wrong = Requirement(bad)
    (exact,) = wrong.specifier
    (ours,) = (r for r in declared() if r.name == wrong.name)
    assert not ours.specifier.contains(exact.version)


@pytest.mark.parametrize("beside", ["benchmarks/requirements.lock", "docs/requirements.lock"])
def test_two_lock_files_do_not_disagree(beside: str) -> None:
    assert not set(locked("requirements.lock")) & set(locked(beside))
