"""Shards to a Minari dataset and back, without losing a bit or a factor."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch
from gymnasium.spaces import Box

from hyperdyn.errors import ShardError
from hyperdyn.extras import optional
from hyperdyn.logs.minari import KEY, flat, open_minari, origins
from hyperdyn.shards.format import Header, ShardInfo
from hyperdyn.shards.store import ShardStore
from hyperdyn.types import Objective


def export_minari(store: ShardStore, dataset: str, objective: Objective | None = None) -> Any:
    """Write all episodes of a collection as a new Minari dataset, readable by Minari alone.

    The options of each episode hold split, system, round and the hidden factors by name; pictures and counts of redrawn
    episodes stay behind, and an episode that ended early counts as truncated.

    dataset: its name, such as cheetah/mix-v0. objective: of the rewards; without one they are zero.

    Returns:
        The `minari.MinariDataset`.

    Raises:
        ConfigError: Minari is not installed.
        ShardError: the collection is empty, or there is such a dataset already.
    """
    minari = optional("minari", "exporting to Minari")
    infos = store.infos()
    if not infos:
        raise ShardError(f"no shards in '{store.root}'", fix="collect some first")
    if dataset in minari.list_local_datasets():
        raise ShardError("there is such a dataset already", got=dataset, fix="another name, or minari delete")
    header = store.header
    first, *rest = infos
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Minari asks for authors and the like
        made = minari.create_dataset_from_buffers(
            dataset,
            list(_buffers(store, first, objective)),
            observation_space=Box(-np.inf, np.inf, (header.obs_dim,), np.float32),
            action_space=Box(-1.0, 1.0, (header.action_dim,), np.float32),
            algorithm_name=KEY,
            description=f"systems of {header.family} that differ in {', '.join(header.factor_names)}",
        )
    try:
        for info in rest:
            made.storage.update_episodes(_buffers(store, info, objective))
        made.storage.update_metadata({KEY: json.dumps(header.to_json())})
    except BaseException:  # a part of it would pass for a whole dataset
        shutil.rmtree(Path(made.storage.data_path).parent)
        raise
    return minari.load_dataset(dataset)


def import_minari(source: str, root: str, header: Header | None = None, action_scale: float = 1.0) -> ShardStore:
    """Write the episodes of a Minari dataset as shards.

    A dataset that came from shards becomes the same shards again. Of any other one, all episodes become one system of
    the split `train`, with no known factors, under the given header.

    source: minari:NAME, or the folder of a dataset.

    Raises:
        ConfigError: Minari is not installed.
        LogError: no such dataset, or one whose spaces are not flat.
        ShardError: a dataset of others without a header; values that a shard does not take, see `ShardStore.append`.
    """
    data = open_minari(source)
    own = data.storage.metadata.get(KEY)
    if own is None and header is None:
        raise ShardError(f"{source} did not come from hyperdyn", got="no header", fix="give dt and family")
    store = ShardStore.create(root, Header.from_json(json.loads(own)) if own is not None else header)  # type: ignore[arg-type]
    numbered = zip(origins(data), data.iterate_episodes(), strict=True)
    with store:
        for place, group in groupby(numbered, key=lambda pair: _place(pair[0])):
            episodes = list(group)
            options = episodes[0][0]
            obs, action, length = _padded([e for _, e in episodes], source, options.get("steps"), action_scale)
            if place in store:
                raise ShardError(
                    f"'{root}' holds this shard already",
                    got=f"{place[0]}, system {place[1]}, round {place[2]}",
                    expected="a new folder, and a dataset with the episodes of a system together",
                    fix="data_dir= another folder",
                )
            split, system, round_ = place
            factors = [float(options["factors"][name]) for name in store.header.factor_names] if options else []
            store.append(
                split=split,
                system=system,
                round=round_,
                factors=factors,
                obs=obs,
                action=action,
                length=length,
                maker=str(options.get("maker", "")),
            )
    return store


def _buffers(store: ShardStore, info: ShardInfo, objective: Objective | None) -> Iterator[Any]:
    buffer = optional("minari", "exporting to Minari").data_collector.EpisodeBuffer
    data = store.load(info)
    factors = dict(zip(store.header.factor_names, info.factors, strict=True))
    options = {
        "split": info.split,
        "system": info.system,
        "round": info.round,
        "factors": factors,
        "steps": info.steps,
        "maker": info.maker,
    }
    for e, length in enumerate(info.lengths):
        obs, action = np.array(data.obs[e, : length + 1]), np.array(data.action[e, :length])
        yield buffer(
            options=options,
            observations=obs,
            actions=action,
            rewards=_rewards(obs, action, objective),
            terminations=np.zeros(length, dtype=bool),
            truncations=np.arange(length) == length - 1,
        )


def _rewards(obs: Any, action: Any, objective: Objective | None) -> Any:
    if objective is None:
        return np.zeros(len(action))
    state, after = torch.from_numpy(obs[:-1]), torch.from_numpy(obs[1:])
    return objective(state, torch.from_numpy(action), after).double().numpy()


def _place(options: Mapping[str, Any]) -> tuple[str, int, int]:
    return str(options.get("split", "train")), int(options.get("system", 0)), int(options.get("round", 0))


def _padded(episodes: Sequence[Any], source: str, steps: Any, scale: float) -> tuple[Any, Any, list[int]]:
    """obs [E,L+1,S], action [E,L,A] and lengths [E] of episodes of unlike lengths; L is `steps`, or the longest."""
    arrays = [flat(episode, f"{source}, episode {episode.id}") for episode in episodes]
    length = [len(action) for _, action in arrays]
    L = max(length) if steps is None else int(steps)
    all_obs = np.zeros((len(arrays), L + 1, arrays[0][0].shape[1]), np.float32)
    all_action = np.zeros((len(arrays), L, arrays[0][1].shape[1]), np.float32)
    for i, (obs, action) in enumerate(arrays):
        all_obs[i, : length[i] + 1] = obs
        all_action[i, : length[i]] = action / scale
    return all_obs, all_action, length
