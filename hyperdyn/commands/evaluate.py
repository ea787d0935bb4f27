"""`hyperdyn evaluate`: prediction error of trained runs."""

from __future__ import annotations

from omegaconf import DictConfig

from hyperdyn.commands.runs import together, trained
from hyperdyn.evaluate.prediction import rollout_error
from hyperdyn.evaluate.results import Results
from hyperdyn.evaluate.windows import Windows
from hyperdyn.report.console import print_results
from hyperdyn.shards.store import ShardStore


def run(cfg: DictConfig) -> None:
    """Evaluate each run, add to its results.json, and print one table for all."""
    windows = Windows(tuple(cfg.history_sizes), cfg.horizon, cfg.rows, cfg.context, cfg.seed)
    kept = []
    for trained_run in trained(cfg.runs, cfg.checkpoint, cfg.trust):
        scores = rollout_error(
            trained_run.model,
            ShardStore.open(cfg.data_dir or trained_run.cfg.data_dir),
            method=trained_run.cfg.method,
            splits=list(cfg.splits),
            windows=windows,
            seed=trained_run.cfg.seed,
        )
        found = Results(trained_run.cfg.env.name, prediction=tuple(scores), methods=(trained_run.facts(),))
        trained_run.keep(found)
        kept.append(found)
    print_results(together(kept))
