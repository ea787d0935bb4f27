"""The cells of one family to the one file that is published."""

from __future__ import annotations

import hashlib
import json
import math
import platform
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
from omegaconf import OmegaConf

from hyperdyn import build
from hyperdyn.bench import tuning
from hyperdyn.bench.cells import Cell, Place, change_overrides, evaluate_overrides, typed
from hyperdyn.bench.plans import announced
from hyperdyn.bench.publication import FORMAT, Publication
from hyperdyn.bench.suite import BenchFamily, BenchMethod, Suite
from hyperdyn.config import compose
from hyperdyn.envs.spec import Family
from hyperdyn.errors import HyperdynError
from hyperdyn.evaluate.manifest import EvaluationManifest
from hyperdyn.evaluate.results import MethodFacts, PredictionScore, Results
from hyperdyn.shards.store import ShardStore

PACKAGES = ("hyperdyn", "torch", "lightning", "mujoco", "pybullet", "gymnasium", "numpy")
ELSEWHERE = ("run_dir", "data_dir", "name", "overrides", "ckpt", "checkpoint_every")
"""Keys of a training's configuration that do not change what comes out."""


def merge(
    suite: Suite,
    place: Place,
    chosen: BenchFamily,
    cells: Sequence[Cell],
    bounds: Path | None,
    records: Mapping[str, tuning.Record],
) -> Publication:
    """What the cells of one family left, in one; cells that have no scores are left out.

    bounds: a results file of the floor and the ceiling, if there is one. records: how each method was tuned.

    Raises:
        HyperdynError: no cell has scores, or the evaluation's data are not of the manifest's systems.
    """
    loaded = {c: Results.load(c.results) for c in cells if c.results.is_file()}
    found = {c: r for c, r in loaded.items() if r.prediction or r.planning}
    if not found:
        raise HyperdynError(
            f"nothing to publish of '{chosen.name}'", got="no scores", fix="hyperdyn bench does the rest"
        )
    family = build.family(compose("collect", [f"env={chosen.name}"]).env)
    together = Results(chosen.name)
    for results in [Results.load(bounds)] if bounds is not None and bounds.is_file() else []:
        together = together.merged(results)
    for results in found.values():
        together = together.merged(results)
    thin = replace(
        together,
        prediction=tuple(thinned(r, suite) for r in together.prediction),
        methods=tuple(
            _facts(name, list(found.values())) for name in suite.methods if any(c.method.name == name for c in found)
        ),
    )
    about = _about(suite, place, chosen, family, found, thin, records)
    diverged = [{"method": c.method.name, "seed": c.seed} for c in cells if c.diverged and c not in found]
    return Publication({**about, "diverged_trainings": diverged}, thin)


def thinned(score: PredictionScore, suite: Suite) -> PredictionScore:
    """A score as it is published: five digits, and of another K than the usual one the nearer steps only."""
    keep = len(score.per_system[0]) if score.history == suite.usual_history else suite.kept_horizon
    rmse = score.rmse if score.history == suite.usual_history else ()
    return replace(
        score, per_system=_rounded(score.per_system, keep), rmse=_rounded(rmse, None), pose=_rounded(score.pose, None)
    )


def _rounded(rows: tuple[tuple[float, ...], ...], keep: int | None) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(f"{v:.5g}") for v in row[:keep]) for row in rows)


def _facts(method: str, found: Sequence[Results]) -> MethodFacts:
    """Of a method over its seeds: means of the times."""
    own = [f for r in found for f in r.methods if f.method == method]
    latest = own[-1] if own else MethodFacts(method)
    return replace(
        latest,
        training_seconds=mean([f.training_seconds for f in own]),
        decision_seconds=mean([f.decision_seconds for f in own]),
    )


def mean(values: Sequence[float | None]) -> float | None:
    """Of those that are known."""
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def _about(
    suite: Suite,
    place: Place,
    chosen: BenchFamily,
    family: Family,
    found: dict[Cell, Results],
    merged: Results,
    records: Mapping[str, tuning.Record],
) -> dict[str, Any]:
    manifest = EvaluationManifest.of(family)
    factors = {split: manifest.systems(split, suite.systems)[0] for split in suite.splits}
    return {
        "format": FORMAT,
        "suite": suite.name,
        "family": family.name,
        "command": command(suite, family.name, {(c.method.name, c.seed) for c in found}),
        "success": family.success_text or None,
        "manifest": {"sha256": manifest.sha256, "seed": manifest.seed},
        "factor_names": list(family.factor_names),
        "factors": {split: values.tolist() for split, values in factors.items()},
        "data": _evaluation_data(place.evaluation_data(chosen.name), factors),
        "protocol": protocol(suite, chosen, place),
        "seeds": sorted({c.seed for c in found}),
        "reference": suite.reference,
        "executed": list(suite.executed),
        "methods": {f.method: _method(suite, f, chosen, merged, records[f.method]) for f in merged.methods},
        "cells": [_cell(c, r) for c, r in found.items()],
        "packages": {name: _version(name) for name in PACKAGES},
        "machine": f"Python {platform.python_version()}, {platform.system()} {platform.machine()}",
    }


def command(suite: Suite, family: str, trainings: Collection[tuple[str, int]]) -> str:
    """What makes these (method, seed) of one family: methods and seeds are named where they are not all."""
    all_methods = [m.name for m in suite.methods.values() if m.trained_on(family)]
    methods, seeds = {m for m, _ in trainings}, {s for _, s in trainings}
    part = [] if methods >= set(all_methods) else [f"method=[{','.join(m for m in all_methods if m in methods)}]"]
    part += [] if seeds >= set(suite.seeds) else [f"seed=[{','.join(map(str, sorted(seeds)))}]"]
    return typed(["bench", f"suite={suite.name}", f"family={family}", *part])


def protocol(suite: Suite, chosen: BenchFamily, place: Place) -> dict[str, Any]:
    """What all cells of a family share, as it is published."""
    cfg = compose("evaluate", ["runs=none", *evaluate_overrides(suite, chosen, place)])
    changed = change_overrides(suite, chosen)
    change = None
    if changed is not None:
        told = compose("change", ["runs=none", *changed])
        change = {key: build.plain(told[key]) for key in ("split", "systems", "episodes", "steps", "step", "windows")}
    return {
        "splits": list(suite.splits), "systems": suite.systems, "history_sizes": list(cfg.history_sizes),
        "usual_history": suite.usual_history, "horizon": cfg.horizon, "kept_horizon": suite.kept_horizon,
        "rows": cfg.rows, "context": cfg.context,
        "planning": announced(suite, chosen),
        "change": change, "tuning": tuning.protocol(suite),
    }  # fmt: skip


def made_with(suite: Suite, method: BenchMethod, chosen: BenchFamily, record: tuning.Record) -> dict[str, Any]:
    """What all trainings of a method on one family share, as it is published."""
    return {
        "model": method.model or method.name,
        "overrides": [*suite.train, *chosen.train, *method.train, *method.families.get(chosen.name, ())],
        "tuning": record.published(),
        "ceiling": method.ceiling,
    }


def _method(
    suite: Suite, facts: MethodFacts, chosen: BenchFamily, merged: Results, record: tuning.Record
) -> dict[str, Any]:
    return {
        **made_with(suite, suite.methods[facts.method], chosen, record),
        "executed": list(facts.executed),
        "matched": matched(facts.executed, suite.executed),
        "diverged": diverged(merged, facts.method),
    }


def diverged(results: Results, method: str) -> int:
    """How many of a method's scores are no finite number."""
    own = [v for r in results.prediction if r.method == method for row in r.per_system for v in row]
    own += [v for s in results.planning if s.method == method for v in s.per_system]
    return sum(not math.isfinite(v) for v in own)


def matched(executed: Sequence[int], hidden: Sequence[int]) -> bool:
    """Whether a network of these layer sizes has these hidden layers."""
    return list(executed[1:-1]) == list(hidden)


def _cell(cell: Cell, results: Results) -> dict[str, Any]:
    facts = next((f for f in results.methods if f.method == cell.method.name), MethodFacts(cell.method.name))
    return {
        "method": cell.method.name,
        "seed": cell.seed,
        "config": _digest(cell.folder / "config.yaml"),
        "training_seconds": facts.training_seconds,
        "decision_seconds": facts.decision_seconds,
        "parameters": facts.parameters,
    }


def _digest(file: Path) -> str | None:
    if not file.is_file():
        return None
    content = OmegaConf.to_container(OmegaConf.load(file))
    assert isinstance(content, dict)
    told = {str(k): v for k, v in content.items() if k not in ELSEWHERE}
    if isinstance(told.get("data"), dict):
        told["data"] = {k: v for k, v in told["data"].items() if k not in ("root", "fork_of")}
    return hashlib.sha256(json.dumps(told, sort_keys=True, default=str).encode()).hexdigest()


def _evaluation_data(folder: Path, factors: dict[str, Any]) -> str:
    """Hash over the episodes of the evaluation.

    Raises:
        HyperdynError: their systems are not those of the manifest.
    """
    store = ShardStore.open(folder)
    for split, values in factors.items():
        there = {info.system: info.factors for info in store.infos(split=split)}
        same = sorted(there) == list(range(len(values)))
        if not same or not np.allclose([there[i] for i in range(len(values))], values, rtol=1e-9, atol=1e-9):
            raise HyperdynError(
                f"'{folder}' is not of the systems of the evaluation manifest",
                got=f"{len(there)} systems of split '{split}'",
                expected=f"the first {len(values)} of the manifest",
                fix="collect it with draw_seed of the manifest, as `hyperdyn bench` does, into an empty folder",
            )
    hashes = [(i.split, i.system, i.sha256) for i in store.infos()]
    return hashlib.sha256(json.dumps(hashes).encode()).hexdigest()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
