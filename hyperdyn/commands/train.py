"""`hyperdyn train`: one run folder."""

from __future__ import annotations

from omegaconf import DictConfig

from hyperdyn.train import train


def run(cfg: DictConfig) -> float | None:
    """Train, and say where the run is.

    Returns:
        The validation loss, for a sweeper that optimises, where the run logs one.
    """
    metrics, _ = train(cfg)
    for name, value in sorted(metrics.items()):
        print(f"{name:<40} {value:.4g}")
    print(f"run folder: {cfg.run_dir}")
    return metrics.get("val/loss")
