"""The built wheel, installed by itself in another folder, is whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FOLDERS = {"hyperdyn": "hyperdyn", "callbacks": "hyperdyn/callbacks", "datamodules": "hyperdyn/datamodules"}

LOOK = """
import importlib, json, pkgutil, sys
import hyperdyn
from importlib.resources import files

def walk(folder, prefix=""):
    for entry in folder.iterdir():
        if entry.is_dir():
            yield from walk(entry, f"{prefix}{entry.name}/")
        elif entry.name.endswith((".yaml", ".json")):
            yield prefix + entry.name

modules = ["hyperdyn"] + [m.name for m in pkgutil.walk_packages(hyperdyn.__path__, "hyperdyn.")]
where = {}
for name in modules:
    if name != "hyperdyn.__main__":
        where[name] = importlib.import_module(name).__file__
print(json.dumps({"where": where, "modules": modules, "conf": sorted(walk(files("hyperdyn.conf")))}))
"""


def tracked(*folders: str) -> list[Path]:
    """Files below folders of the repository, caches apart."""
    found = [p for folder in folders for p in sorted((ROOT / folder).rglob("*")) if p.is_file()]
    return [p.relative_to(ROOT) for p in found if "__pycache__" not in p.parts]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel built from a copy of the sources, so that left-overs of an earlier build cannot fill a gap."""
    copy = tmp_path_factory.mktemp("source")
    for path in [*tracked("hyperdyn", "callbacks", "conf", "datamodules"), *map(Path, ("setup.cfg", "pyproject.toml"))]:
        (copy / path).parent.mkdir(parents=True, exist_ok=True)
        (copy / path).write_bytes((ROOT / path).read_bytes())
    for name in ("README.md", "LICENSE"):
        (copy / name).write_bytes((ROOT / name).read_bytes())
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "-q", "-w", str(out), "."]
    subprocess.run(command, cwd=copy, check=True, capture_output=True)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What a fresh interpreter in an empty folder finds in the installed wheel."""
    site, elsewhere = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("elsewhere")
    install = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--no-deps",
        "--no-index",
        "-q",
        "--target",
        str(site),
        str(wheel),
    ]
    subprocess.run(install, check=True, capture_output=True, cwd=elsewhere)
    run = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {str(site)!r})\n{LOOK}"],
        cwd=elsewhere,
        env={**{k: v for k, v in os.environ.items() if k != "PYTHONPATH"}, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    found = json.loads(run.stdout.splitlines()[-1])
    assert all(str(site) in file for file in found["where"].values()), "a module came from the repository"
    return found


def test_every_module_is_in_the_wheel_and_imports(installed: dict[str, list[str]]) -> None:
    expected = set()
    for folder, package in FOLDERS.items():
        for path in tracked(folder):
            if path.suffix == ".py":
                parts = [*package.split("/"), *path.with_suffix("").parts[1:]]
                expected.add(".".join(part for part in parts if part != "__init__"))
    assert expected | {"hyperdyn.conf"} == set(installed["modules"])


def test_every_yaml_is_in_the_wheel(installed: dict[str, list[str]]) -> None:
    expected = {str(p.relative_to("conf")) for p in tracked("conf") if p.suffix in (".yaml", ".json")}
    assert set(installed["conf"]) == expected


def test_it_adds_one_name(wheel: Path) -> None:
    top = {name.split("/")[0] for name in zipfile.ZipFile(wheel).namelist()}
    assert {name for name in top if not name.endswith(".dist-info")} == {"hyperdyn"}


def test_it_has_the_command_the_licence_and_the_type_marker(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    names = archive.namelist()
    (entry,) = (n for n in names if n.endswith("entry_points.txt"))
    assert "hyperdyn = hyperdyn.cli:main" in archive.read(entry).decode()
    assert any(n.endswith("LICENSE") for n in names)
    assert "hyperdyn/py.typed" in names
