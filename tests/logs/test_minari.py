"""A Minari dataset that Minari itself wrote is read as a log."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from hyperdyn.interchange import import_minari
from hyperdyn.logs.episodes import LogError
from hyperdyn.logs.reading import read_log
from hyperdyn.shards.format import Header
from hyperdyn.shards.store import ShardStore
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


def test_spaces_that_are_not_flat_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    from minari.data_collector import EpisodeBuffer

    position = gymnasium.spaces.Box(-1, 1, (2,), np.float64)
    ends = {"rewards": np.zeros(3), "terminations": np.zeros(3, bool), "truncations": np.arange(3) == 2}
    named = EpisodeBuffer(observations={"position": np.zeros((4, 2))}, actions=np.zeros((3, 2)), **ends)
    counted = EpisodeBuffer(observations=np.zeros((4, 2)), actions=np.zeros(3, np.int64), **ends)
    unlike = {
        "test/named-v0": (named, gymnasium.spaces.Dict({"position": position}), position, "Dict space with position"),
        "test/counted-v0": (counted, position, gymnasium.spaces.Discrete(2), r"actions int64 \[3\]"),
    }
    header = Header("", "robot", (), 2, 2, 0.1, seed=0)
    for name, (buffer, observed, acted, said) in unlike.items():
        minari.create_dataset_from_buffers(name, [buffer], observation_space=observed, action_space=acted)
        with pytest.raises(LogError, match=f"episode 0: not flat\n.*{said}"):
            read_log(f"minari:{name}", StateSpec(2, 2))
        with pytest.raises(LogError, match=f"episode 0: not flat\n.*{said}"):
            import_minari(f"minari:{name}", str(tmp_path / name), header)
        assert not len(ShardStore.open(tmp_path / name))
