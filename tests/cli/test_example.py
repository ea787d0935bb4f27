"""The plug-in of the README, run as the README says, from its own folder."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "cart"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return shutil.copytree(EXAMPLE, tmp_path / "cart", ignore=shutil.ignore_patterns("__pycache__", "runs", "data"))


RUN = """
import json, sys
from hyperdyn.cli import main
for args in json.loads(sys.argv[1]):
    code = main(args)
    assert code == 0, (args, code)
"""


def hyperdyn(folder: Path, *commands: str) -> str:
    """Command lines, one after the other in one process; what they printed."""
    run = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps([shlex.split(command) for command in commands])],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": ".", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_from_collection_to_report(folder: Path) -> None:
    conf = "hydra.searchpath=[file://conf]"
    out = hyperdyn(
        folder,
        f"collect env=cart systems.train=8 systems.interpolation=2 systems.extrapolation=2 workers=0 {conf}",
        "verify data/cart",
        f"train env=cart trainer=cpu trainer.max_steps=4 data.systems=4 data.rows=4 model.hidden=[8] {conf}"
        " callbacks.planning_return=null callbacks.rollout_figures=null callbacks.code_embedding=null"
        " callbacks.videos.steps=4 +callbacks.videos.planner.iterations=1",
        "evaluate runs/cart-hyper rows=4 horizon=2 history_sizes=[0,4]",
        "plan runs/cart-hyper planner.candidates=16 planner.iterations=1 planner.horizon=3 systems=2 steps=3 workers=0",
        "report runs/cart-hyper",
    )
    assert "12 shards" in out
    results = json.loads((folder / "runs" / "cart-hyper" / "results.json").read_text())
    assert results["family"] == "cart"
    assert {r["method"] for r in results["planning"]} == {"random", "hyper", "simulator"}
    assert {r["history"] for r in results["prediction"]} == {0, 4}
    assert (folder / "runs" / "cart-hyper" / "videos").is_dir()
    page = folder / out.splitlines()[-1].removeprefix("open ")
    assert "cart" in page.read_text()
