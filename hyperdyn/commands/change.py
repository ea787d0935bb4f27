"""`hyperdyn change`: what trained runs do when the system changes in mid-episode."""

from __future__ import annotations

from omegaconf import DictConfig

from hyperdyn import build
from hyperdyn.commands.runs import together, trained
from hyperdyn.evaluate.change import Change, ChangedEpisodes, play
from hyperdyn.evaluate.manifest import EvaluationManifest
from hyperdyn.evaluate.results import Results
from hyperdyn.evaluate.tracking import change_scores
from hyperdyn.report.console import print_results


def run(cfg: DictConfig) -> None:
    """Follow each run through the same episodes, add to its results.json, and print one table for all."""
    kept = []
    played: dict[str, ChangedEpisodes] = {}
    for trained_run in trained(cfg.runs, cfg.checkpoint, cfg.trust):
        name = trained_run.cfg.env.name
        if name not in played:
            played[name] = _play(cfg, trained_run.cfg.env)
        scores = change_scores(
            trained_run.model,
            played[name],
            method=trained_run.cfg.method,
            split=cfg.split,
            seed=trained_run.cfg.seed,
            windows=list(cfg.windows),
            forgetting=list(cfg.forgetting),
        )
        kept.append(Results(name, change=tuple(scores), methods=(trained_run.facts(),)))
        trained_run.keep(kept[-1])
    print_results(together(kept))


def _play(cfg: DictConfig, env: DictConfig) -> ChangedEpisodes:
    family = build.family(env)
    change = Change(cfg.step, cfg.steps, build.plain(cfg.factors))
    factors, starts = EvaluationManifest.of(family).systems(cfg.split, cfg.systems)
    return play(family, build.behaviour(cfg.get("behaviour"), family), change, factors, starts, episodes=cfg.episodes)
