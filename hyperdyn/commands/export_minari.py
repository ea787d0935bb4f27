"""`hyperdyn export-minari`: shards to a Minari dataset."""

from __future__ import annotations

from omegaconf import DictConfig

from hyperdyn.envs import load
from hyperdyn.interchange import export_minari
from hyperdyn.shards.store import ShardStore


def run(cfg: DictConfig) -> None:
    """Write the dataset and say where it is.

    Raises:
        ConfigError: Minari is not installed, or rewards of a family that is not hyperdyn's own.
        ShardError: an empty collection, or a dataset of this name.
    """
    store = ShardStore.open(cfg.data_dir)
    made = export_minari(store, cfg.dataset, load(store.header.family).objective if cfg.rewards else None)
    print(f"{made.total_episodes} episodes, {made.total_steps} steps in {made.storage.data_path.parent}")
