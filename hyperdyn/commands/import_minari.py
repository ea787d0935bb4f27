"""`hyperdyn import-minari`: a Minari dataset to shards."""

from __future__ import annotations

from omegaconf import DictConfig

from hyperdyn.errors import ConfigError
from hyperdyn.interchange import import_minari
from hyperdyn.logs.minari import open_minari
from hyperdyn.shards.format import Header


def run(cfg: DictConfig) -> None:
    """Write the shards and say where they are.

    Raises:
        ConfigError: Minari is not installed, or dt or family is given alone.
        LogError, ShardError: see `import_minari`.
    """
    if (cfg.family is None) != (cfg.dt is None):
        raise ConfigError("a dataset of others needs both", got=f"family={cfg.family} dt={cfg.dt}", fix="give both")
    header = None
    if cfg.family is not None:
        data = open_minari(cfg.dataset)
        shapes = data.observation_space.shape, data.action_space.shape
        if any(shape is None or len(shape) != 1 for shape in shapes):
            raise ConfigError("not flat", got=f"spaces of shape {shapes}", expected="boxes of one dimension")
        env = "" if data.env_spec is None else data.env_spec.id
        header = Header(env, cfg.family, (), shapes[0][0], shapes[1][0], float(cfg.dt), seed=0)
    store = import_minari(cfg.dataset, cfg.data_dir, header, cfg.action_scale)
    print(f"{len(store)} shards in {store.root}")
