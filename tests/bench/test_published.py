"""What is published in results/ is whole, of this version's frozen systems, and what the README says it is."""

from pathlib import Path

import pytest

from hyperdyn.bench.check import faults
from hyperdyn.bench.fault import Fault
from hyperdyn.evaluate.results import CEILING

ROOT = Path(__file__).parents[2]
PUBLISHED = sorted((ROOT / "results").glob("*/*.json"))


TO_COME = {"pushing": ("open", "one_obstacle", "three_obstacles")}
"""Ways of planning, by suite, of which the simulator's plans are to come. An entry goes when they are there."""


def unplanned(fault: Fault) -> bool:
    """Whether plans are missing, and of the simulator alone."""
    return "returns of plan" in fault.what and all(lost.startswith(CEILING) for lost in fault.got.split("; "))


@pytest.mark.parametrize("file", PUBLISHED, ids=lambda f: f"{f.parent.name}-{f.stem}")
def test_a_published_family_has_no_fault_but_what_is_to_come(file: Path) -> None:
    found = [f for f in faults(file) if not f.what.startswith("seeds of suite")]
    assert [str(f) for f in found if not unplanned(f)] == []
    assert [f.what.split("'")[1] for f in found] == list(TO_COME.get(file.parent.name, ()))


@pytest.mark.parametrize("suite", sorted({f.parent for f in PUBLISHED}), ids=lambda f: f.name)
def test_the_readme_shows_the_overview_that_is_published(suite: Path) -> None:
    tables = (suite / "tables.md").read_text().split("**Overview**\n\n")[1]
    assert tables.split("\n\n")[0] in (ROOT / "README.md").read_text()
