"""A Minari dataset that Minari itself wrote is read as a log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from hyperdyn.logs.episodes import LogError
from hyperdyn.logs.reading import read_log
from hyperdyn.types import StateSpec

minari = pytest.importorskip("minari", reason="the extra 'minari' is not installed")


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))
    from minari.data_collector import EpisodeBuffer

    def buffer(steps: int) -> Any:
        obs = np.arange(2 * (steps + 1), dtype=np.float64).reshape(-1, 2)
        return EpisodeBuffer(
            observations=obs,
            actions=np.linspace(-1, 1, steps)[:, None].astype(np.float32),
            rewards=np.zeros(steps),
            terminations=np.zeros(steps, bool),
            truncations=np.arange(steps) == steps - 1,
        )

    return minari.create_dataset_from_buffers(
        "test/robot-v0",
        [buffer(3), buffer(5)],
        observation_space=gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64),
        action_space=gymnasium.spaces.Box(-1, 1, (1,), np.float32),
    )


def test_by_name_and_by_folder(dataset: Any, tmp_path: Path) -> None:
    for source in ("minari:test/robot-v0", tmp_path / "test" / "robot-v0"):
        one, two = read_log(source, StateSpec(2, 1))
        np.testing.assert_array_equal(one.obs, np.arange(8).reshape(-1, 2))
        np.testing.assert_allclose(two.action[:, 0], np.linspace(-1, 1, 5))


def test_what_does_not_fit_is_refused(dataset: Any, tmp_path: Path) -> None:
    with pytest.raises(LogError, match="2 observation entries"):
        read_log("minari:test/robot-v0", StateSpec(3, 1))
    with pytest.raises(LogError, match="no such Minari dataset"):
        read_log("minari:test/other-v0", StateSpec(2, 1))
    with pytest.raises(LogError, match="no such Minari dataset"):
        read_log(tmp_path / "test", StateSpec(2, 1))
