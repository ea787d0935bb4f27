"""`hyperdyn train`: one run folder."""

from __future__ import annotations

from pathlib import Path

from omegaconf import DictConfig, open_dict

from hyperdyn.commands import collect
from hyperdyn.commands.runs import keep
from hyperdyn.config import compose
from hyperdyn.evaluate.results import MethodFacts, Results
from hyperdyn.train import check_told, train


def run(cfg: DictConfig) -> None:
    """Collect what the run names and data_dir does not hold yet, train, and say where the run is."""
    fill(cfg)
    metrics, objects = train(cfg)
    if not objects.trainer.is_global_zero:
        return
    facts = MethodFacts(cfg.method, training_seconds=objects.timer.time_elapsed("train"))
    keep(Path(cfg.run_dir), Results(objects.family.name, methods=(facts,)))
    for name, value in sorted(metrics.items()):
        print(f"{name:<40} {value:.4g}")
    print(f"run folder: {cfg.run_dir}")


def fill(cfg: DictConfig) -> None:
    """Collect what the run names and data_dir does not hold yet."""
    check_told(cfg)
    for overrides in cfg.collect or ():
        part = compose("collect", [f"data_dir={cfg.data_dir}", *overrides])
        with open_dict(part):
            part.env = cfg.env
        collect.run(part)
