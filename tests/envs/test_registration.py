from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import gymnasium
import pytest

from hyperdyn.envs import register

PROGRAM = """
import sys, gymnasium
assert "hyperdyn" not in sys.modules
env = gymnasium.make("hyperdyn.envs:hyperdyn/CheetahSlope-v0", height=2.0)
print(env.spec.id, float(env.unwrapped.model.hfield_size[0, 2]))
"""


def test_gymnasium_finds_the_environments_by_itself(tmp_path: Path) -> None:
    """Gymnasium 1 loads no entry points any more; the module in front of the id is its own way to find a package."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["hyperdyn/CheetahSlope-v0", "2.0"], done.stderr


def test_registering_twice_is_silent(recwarn: pytest.WarningsRecorder) -> None:
    before = set(gymnasium.registry)
    register()
    assert set(gymnasium.registry) == before
    assert not recwarn.list
