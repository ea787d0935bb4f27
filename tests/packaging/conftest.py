"""A tiny run, made once, for everything that the documents show."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hyperdyn.cli import main

SYSTEMS = ["systems.train=2", "systems.interpolation=2", "systems.extrapolation=2", "episodes=3", "steps=60"]
STEPS = ["trainer=cpu", "trainer.max_steps=2", "trainer.enable_progress_bar=false", "data.systems=2", "data.rows=4"]
ERRORS = [
    *("callbacks=rollout_error", "callbacks.rollout_error.rows=2", "callbacks.rollout_error.horizon=2"),
    "callbacks.rollout_error.history_sizes=[0,4]",
]


@pytest.fixture(scope="session")
def shown_runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with data/pendulum and the runs pendulum-hyper and pendulum-fixed, of two steps each."""
    folder, before = tmp_path_factory.mktemp("shown"), Path.cwd()
    os.chdir(folder)
    try:
        assert main(["collect", "env=pendulum", *SYSTEMS, "workers=0"]) == 0
        for model in ("hyper", "fixed"):
            assert main(["train", "env=pendulum", f"model={model}", *STEPS, *ERRORS]) == 0
    finally:
        os.chdir(before)
    return folder
