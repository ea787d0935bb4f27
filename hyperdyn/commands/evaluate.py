"""`hyperdyn evaluate`: prediction error of trained runs, and how well they know it."""

from __future__ import annotations

from omegaconf import DictConfig

from hyperdyn.commands.runs import together, trained
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate.prediction import rollout_error
from hyperdyn.evaluate.results import Results
from hyperdyn.evaluate.uncertainty import calibration
from hyperdyn.evaluate.windows import Windows
from hyperdyn.report.console import print_results
from hyperdyn.shards.store import ShardStore


def run(cfg: DictConfig) -> None:
    """Evaluate each run, add to its results.json, and print one table for all."""
    windows = Windows(tuple(cfg.history_sizes), cfg.horizon, cfg.rows, cfg.context, cfg.seed, cfg.views)
    kept = []
    for trained_run in trained(cfg.runs, cfg.checkpoint, cfg.trust):
        model, run_cfg = trained_run.model, trained_run.cfg
        store = ShardStore.open(cfg.data_dir or run_cfg.data_dir)
        if store.header.family != run_cfg.env.name:
            raise ConfigError(
                f"'{trained_run.path}' and '{store.root}' are of different families",
                got=f"episodes of {store.header.family}",
                expected=f"of {run_cfg.env.name}",
                fix="the runs of one family in one call, with a data_dir of that family",
            )
        of = {"method": run_cfg.method, "splits": list(cfg.splits), "windows": windows, "seed": run_cfg.seed}
        found = Results(
            run_cfg.env.name,
            prediction=tuple(rollout_error(model, store, **of)),
            uncertainty=tuple(calibration(model, store, **of)),
            methods=(trained_run.facts(),),
        )
        trained_run.keep(found)
        kept.append(found)
    print_results(together(kept))
