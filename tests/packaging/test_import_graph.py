"""Imports go down only, and one name is installed."""

from __future__ import annotations

import ast
import re
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"hyperdyn": "hyperdyn", "callbacks": "hyperdyn.callbacks", "datamodules": "hyperdyn.datamodules"}
"""Folder of the repository to the package that it installs as."""

LEVELS = {
    0: {
        "types",
        "state",
        "movable",
        "views",
        "errors",
        "files",
        "extras",
        "progress",
        "workers",
        "diagnose",
        "config",
        "sources",
        "statistics",
    },
    1: {"nn", "envs", "shards", "logs"},
    2: {"models", "planning", "metrics", "calibration", "behaviour"},
    3: {
        "module",
        "build",
        "checkpoint",
        "pretrained",
        "trust",
        "hub",
        "interchange",
        "preemption",
        "saver",
        "run_log",
        "steps_bar",
        "train",
        "collect",
        "episodes",
        "evaluate",
        "figures",
        "report",
        "render",
        "deploy",
    },
    4: {"bench", "callbacks", "datamodules", "on_policy"},
    5: {"commands", "doctor", "helptext", "cli", "__main__"},
}
LEVEL_OF = {unit: level for level, units in LEVELS.items() for unit in units}
APART = [("models", "planning"), ("planning", "models")]
"""Pairs that meet in a cost function and nowhere else."""


def module_name(path: Path) -> str:
    folder, *rest = path.relative_to(ROOT).with_suffix("").parts
    return ".".join([FOLDERS[folder], *(part for part in rest if part != "__init__")])


SOURCES = {module_name(p): p for folder in FOLDERS for p in sorted((ROOT / folder).rglob("*.py"))}


def unit(module: str) -> str:
    """The part of the package that a module belongs to: 'models' of 'hyperdyn.models.base'."""
    return [*module.split("."), ""][1]


def imported(source: str) -> set[str]:
    """Every module that a source imports, inside functions too, type checking apart."""
    tree = ast.parse(source)
    unchecked = [
        child
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for child in ast.walk(node)
    ]
    found = set()
    for node in ast.walk(tree):
        if node in unchecked:
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative imports hide where a name comes from"
            base = node.module or ""
            found |= {f"{base}.{a.name}" if f"{base}.{a.name}" in SOURCES else base for a in node.names}
    return found


GRAPH = {name: {m for m in imported(path.read_text()) if m in SOURCES} for name, path in SOURCES.items()}
UNITS = sorted({unit(name) for name in SOURCES} - {""})


@pytest.mark.parametrize("name", UNITS)
def test_every_unit_has_a_level(name: str) -> None:
    assert name in LEVEL_OF, f"say in LEVELS where hyperdyn.{name} stands"


def test_imports_go_down_only() -> None:
    upwards = [
        f"{name} imports {other}"
        for name, others in GRAPH.items()
        for other in others
        if unit(name) and unit(other) and LEVEL_OF[unit(other)] > LEVEL_OF[unit(name)]
    ]
    assert not upwards


def test_units_do_not_import_each_other_in_a_circle() -> None:
    units: dict[str, set[str]] = {}
    for name, others in GRAPH.items():
        units.setdefault(unit(name), set()).update({unit(o) for o in others} - {unit(name), ""})
    try:
        TopologicalSorter(units).prepare()
    except CycleError as error:
        pytest.fail(f"a circle: {error.args[1]}")


def test_models_and_planning_know_nothing_of_each_other() -> None:
    met = [f"{n} imports {o}" for n, others in GRAPH.items() for o in others if (unit(n), unit(o)) in APART]
    assert not met


def test_only_the_module_and_what_wires_it_know_lightning() -> None:
    allowed = {"module", "train", "saver", "preemption", "run_log", "steps_bar", "callbacks", "datamodules"}
    knowing = {
        unit(name) for name, path in SOURCES.items() if any("lightning" in m for m in imported(path.read_text()))
    }
    assert knowing <= allowed


def test_nothing_names_the_installed_folders_without_hyperdyn() -> None:
    """`import datamodules` works in the repository alone, and makes a second module with unequal classes."""
    files = [*SOURCES.values(), *(ROOT / "tests").rglob("*.py"), *(ROOT / "benchmarks").rglob("*.py")]
    bare = [
        f"{p}: {m}" for p in files for m in imported_names(p) if m.split(".")[0] in {*FOLDERS, "conf"} - {"hyperdyn"}
    ]
    for path in (ROOT / "conf").rglob("*.yaml"):
        targets = re.findall(r"_target_:\s*(\S+)|path:\s*([a-z_]+\.\S+)", path.read_text())
        bare += [f"{path}: {t}" for pair in targets for t in pair if re.match(r"(callbacks|datamodules|conf)\.", t)]
    assert not bare


def imported_names(path: Path) -> set[str]:
    tree = ast.parse(path.read_text())
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    return names | {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
