"""`hyperdyn train`: one run folder."""

from __future__ import annotations

from omegaconf import DictConfig, OmegaConf

from hyperdyn.commands import collect
from hyperdyn.config import compose
from hyperdyn.train import train


def run(cfg: DictConfig) -> float | None:
    """Collect what the run names and data_dir does not hold yet, train, and say where the run is.

    Returns:
        The validation loss, for a sweeper that optimises, where the run logs one.
    """
    for overrides in cfg.collect:
        part = compose("collect", [f"data_dir={cfg.data_dir}", *overrides])
        collect.run(OmegaConf.merge(part, {"env": cfg.env}))  # type: ignore[arg-type]
    metrics, _ = train(cfg)
    for name, value in sorted(metrics.items()):
        print(f"{name:<40} {value:.4g}")
    print(f"run folder: {cfg.run_dir}")
    return metrics.get("val/loss")
