"""The file of one family of a benchmark: its scores, and what they were made with and on.

It is a results file (`hyperdyn.evaluate.results`) with one entry more:

    "bench": {"format": 1, "suite", "family", "command", "success": null | TEXT,
      "manifest": {"sha256", "seed"}, "factor_names" [F], "factors": {SPLIT: [systems][F]}, "data": SHA-256,
      "protocol": {"splits", "systems", "history_sizes", "usual_history", "horizon", "kept_horizon", "rows", "context",
                   "planning": {WAY: {"splits", "systems", "steps", "history", "support", "planner",
                                      "own": {METHOD: PLANNER}, "ceiling_systems"}},
                   "change": null | {"split", "systems", "episodes", "steps", "step", "windows"},
                   "tuning": null | {"settings" [[OVERRIDE]], "families", "train", "split", "systems", "evaluation",
                                     "history", "rows", "context"}},
      "seeds", "reference", "executed",
      "methods": {METHOD: {"model", "overrides", "ceiling", "executed", "matched", "diverged",
                           "tuning": {"trials", "tried": [{"setting" [OVERRIDE], "error"}, ...], "best" [OVERRIDE]}}},
      "cells": [{"method", "seed", "config", "training_seconds", "decision_seconds", "parameters"}, ...],
      "diverged_trainings": [{"method", "seed"}, ...], "packages": {NAME: VERSION}, "machine"}

success: what that is on this family, in words; null where it does not say.
manifest: hash of the frozen systems; data: hash over the episodes that predictions were judged on.
config: hash of a training's configuration, folders apart. matched: whether one predicted step executes the hidden
layers `executed` of the suite. diverged: how many of the method's scores are not finite. diverged_trainings: those that
ended without a model, so that scores are of the other seeds alone. own: of methods with another planner;
ceiling_systems: of the simulator, where they are fewer; a way may have neither. packages, machine: of the merge.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from hyperdyn.errors import HyperdynError
from hyperdyn.evaluate.results import Results

FORMAT = 1
KEYS = (
    "suite",
    "family",
    "manifest",
    "factor_names",
    "factors",
    "data",
    "protocol",
    "seeds",
    "reference",
    "executed",
    "methods",
    "cells",
    "command",
    "packages",
    "machine",
)
"""Entries that every file has under "bench", beside its format."""


@dataclass(frozen=True)
class Publication:
    """about: plain containers, the entry "bench" of the file."""

    about: Mapping[str, Any]
    results: Results

    @property
    def family(self) -> str:
        return self.results.family

    @property
    def trainings(self) -> list[tuple[str, int]]:
        """Method and seed of each training that the file announces scores of: all but those stated as diverged."""
        lost = {(d["method"], d["seed"]) for d in self.about.get("diverged_trainings", ())}
        return [(m, s) for m in self.about["methods"] for s in self.about["seeds"] if (m, s) not in lost]

    def save(self, path: Path | str) -> None:
        self.results.save(path, about={"bench": dict(self.about)})

    @classmethod
    def load(cls, path: Path | str) -> Self:
        """Raises HyperdynError where there is no such file, or it is none of a benchmark."""
        path = Path(path)
        results = Results.load(path)
        about = json.loads(path.read_text(encoding="utf-8")).get("bench")
        if not isinstance(about, dict) or about.get("format") != FORMAT:
            got = "no entry 'bench'" if not isinstance(about, dict) else f"format {about.get('format')}"
        elif missing := [key for key in KEYS if key not in about]:
            got = f"an entry 'bench' without {', '.join(missing)}"
        else:
            return cls(about, results)
        raise HyperdynError(
            f"{path} is not of a benchmark",
            got=got,
            expected=f"an entry 'bench' of format {FORMAT} with {', '.join(KEYS)}",
            fix="the file that `hyperdyn bench` writes to results/<suite>/",
        )
