"""Minari, the interchange format of Farama for trajectories."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from hyperdyn.extras import optional
from hyperdyn.logs.episodes import Episode, LogError, Rows, episodes_of
from hyperdyn.types import StateSpec

KEY = "hyperdyn"
"""In the metadata of a dataset that came from shards: their header."""


def read_minari(source: str | Path, spec: StateSpec, action_scale: float = 1.0) -> list[Episode]:
    """The episodes of a Minari dataset of flat observations: `minari:NAME` of those downloaded, or a dataset's folder.

    Of a dataset that came from shards each episode names its system; all others are taken for one.

    Raises:
        ConfigError: Minari is not installed.
        LogError: no such dataset, or contents that do not fit; rows are steps of the episode that is named.
    """
    found = []
    data = open_minari(source)
    for origin, episode in zip(origins(data), data.iterate_episodes(), strict=True):
        where = f"{source}, episode {episode.id}"
        obs, action = flat(episode, where)
        action = np.concatenate([action / action_scale, np.zeros((1, action.shape[1]))])
        rows = Rows(obs.astype(np.float64), action.astype(np.float64), [str(episode.id)] * len(obs))
        system = f"{origin['split']}-{origin['system']}" if origin else ""
        found += [replace(e, system=system) for e in episodes_of(rows, where, spec)]
    return found


def flat(episode: Any, where: str) -> tuple[Any, Any]:
    """Observations [L+1,S] and actions [L,A] of a `minari.EpisodeData`.

    Raises:
        LogError: they are not arrays of numbers of that shape: of Dict, Tuple, Discrete or image spaces.
    """
    obs, action = np.asarray(episode.observations), np.asarray(episode.actions)
    if "O" in (obs.dtype.char, action.dtype.char) or obs.ndim != 2 or action.ndim != 2:
        raise LogError(
            f"{where}: not flat",
            got=f"observations {_kind(episode.observations)}, actions {_kind(episode.actions)}",
            expected="boxes of one dimension: arrays [L+1,S] and [L,A]",
            fix="flatten the spaces, and write discrete actions as numbers in [-1, 1], in a dataset of your own",
        )
    return obs, action


def _kind(values: Any) -> str:
    if isinstance(values, dict):
        return f"of a Dict space with {', '.join(map(str, values))}"
    array = np.asarray(values)
    return f"{array.dtype} {list(array.shape)}"


def origins(data: Any) -> list[dict[str, Any]]:
    """Of each episode its split, system, round and factors, as the export of shards noted them; {} in all others."""
    if data.storage.metadata.get(KEY) is None:
        return [{} for _ in data.episode_indices]
    return [dict(about["options"]) for about in data.storage.get_episode_metadata(data.episode_indices)]


def open_minari(source: str | Path) -> Any:
    """A `minari.MinariDataset`; never downloads.

    Raises:
        ConfigError: Minari is not installed.
        LogError: no such dataset.
    """
    minari = optional("minari", "reading a Minari dataset")
    name = str(source).removeprefix("minari:")
    try:
        if not str(source).startswith("minari:"):
            folder = Path(source)
            return minari.MinariDataset(folder if (folder / "main_data.hdf5").exists() else folder / "data")
        return minari.load_dataset(name)
    except (FileNotFoundError, ValueError, KeyError, OSError) as error:
        there = ", ".join(sorted(minari.list_local_datasets())) or "none"
        raise LogError(
            "there is no such Minari dataset here",
            got=str(source),
            expected=f"one of: {there}",
            fix=f"minari download {name}",
        ) from error
