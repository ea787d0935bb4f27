"""The trials that decide each method's settings, as cells of a suite of their own, and what came of them.

Their folders lie in `tuning/` beside the families: `tuning/<family>/<method>_<setting>-0`. A record is read from what
the trials left, so it is the same wherever and in whatever order they ran.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Self

from hyperdyn.bench.cells import Cell, Place
from hyperdyn.bench.suite import BenchFamily, BenchMethod, Overrides, Suite, Tuning
from hyperdyn.config import compose
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate.results import Results
from hyperdyn.statistics import rms

STAGES = ("train", "evaluate")
"""Of each trial."""
SPLIT = "train"
SEED = 0


@dataclass(frozen=True)
class Record:
    """What came of a method's trials.

    errors: of each setting, NRMSE one step ahead, to the five digits that are published; infinite where it diverged.
    """

    settings: tuple[Overrides, ...] = ()
    errors: tuple[float, ...] = ()

    @property
    def best(self) -> Overrides:
        """The setting with the smallest error, the first of equal ones; nothing if none was tried."""
        return min(zip(self.errors, range(len(self.errors)), self.settings, strict=True))[2] if self.settings else ()

    def published(self) -> dict[str, Any]:
        """As the file of a benchmark keeps it."""
        tried = [
            {"setting": list(s), "error": e if math.isfinite(e) else None}
            for s, e in zip(self.settings, self.errors, strict=True)
        ]
        return {"trials": len(tried), "tried": tried, "best": list(self.best)}

    @classmethod
    def of(cls, published: Mapping[str, Any]) -> Self:
        """The record of which this is `published()`."""
        tried = published["tried"]
        errors = tuple(math.inf if t["error"] is None else float(t["error"]) for t in tried)
        return cls(tuple(tuple(t["setting"]) for t in tried), errors)


def trial_suite(suite: Suite) -> Suite:
    """The suite whose cells are the trials; of all methods.

    Raises:
        ConfigError: trials would be judged on the episodes of training or of the table.
    """
    tuning = declared(suite)
    _check_episodes(suite, tuning)
    methods = {}
    for method in suite.methods.values():
        for setting in tuning.settings:
            own = {f: (*method.families.get(f, ()), *tuning.train, *setting) for f in tuning.families}
            name = trial_name(method, setting)
            if name in methods:
                raise ConfigError("two trials would share a folder", got=name, fix="leave out one of the settings")
            methods[name] = replace(method, name=name, model=method.model or method.name, families=own)
    families = {
        name: replace(suite.families[name], evaluation=(), evaluate=(), plan=None, change=None)
        for name in tuning.families
    }
    return replace(
        suite,
        name=f"{suite.name}-tuning",
        methods=methods,
        families=families,
        seeds=(SEED,),
        reference=next(iter(methods)),
        evaluation=tuning.evaluation,
        tuning=None,
        evaluate=tuning.evaluate,
        plan=None,
        change=None,
        splits=(SPLIT,),
        systems=tuning.systems,
    )


def trial_place(place: Place) -> Place:
    """Where trials are made: from the same training data, judged on episodes of their own."""
    return replace(place, root=place.root / "tuning", judged="tuning")


def trial_name(method: BenchMethod, setting: Overrides) -> str:
    """Name of a trial among the methods of its suite; a function of what was tried alone."""
    tried = "_".join(re.sub(r"[^\w.+-]+", "-", text) for text in setting)
    return f"{method.name}_{tried or 'as_it_is'}"


def trials(suite: Suite, place: Place, methods: Sequence[str]) -> list[Cell]:
    """The trials of these methods, setting by setting."""
    own, there = trial_suite(suite), trial_place(place)
    return [
        Cell(own, there, family, own.methods[trial_name(suite.methods[m], setting)], SEED)
        for setting in declared(suite).settings
        for m in methods
        for family in own.families.values()
    ]


def ended(cell: Cell) -> bool:
    """Whether a trial has an error, or never will have one."""
    cell.check_training()
    return cell.diverged or not cell.missing(STAGES)


def record(suite: Suite, place: Place, method: str) -> Record | None:
    """What came of a method's trials; None while one has not ended. Of a suite that tunes nothing it is empty."""
    if suite.tuning is None:
        return Record()
    errors: dict[str, list[float]] = {}
    for cell in trials(suite, place, [method]):
        if not ended(cell):
            return None
        errors.setdefault(cell.method.name, []).append(math.inf if cell.diverged else _error(cell))
    found = [_geometric_mean(e) for e in errors.values()]
    return Record(suite.tuning.settings, tuple(found))


def records(
    suite: Suite, place: Place, methods: Sequence[str], published: Mapping[str, Record] | None = None
) -> dict[str, Record]:
    """Of each method whose trials have ended, here or, as they are published, elsewhere."""
    there = {} if published is None else published
    return {m: found for m in methods if (found := there.get(m) or record(suite, place, m)) is not None}


def tuned(suite: Suite, records: dict[str, Record]) -> Suite:
    """The suite with these methods alone, each with its best setting after its own overrides."""
    methods = {
        name: replace(method, families={f: (*method.families.get(f, ()), *records[name].best) for f in suite.families})
        for name, method in suite.methods.items()
        if name in records
    }
    return replace(suite, methods=methods)


def protocol(suite: Suite) -> dict[str, Any] | None:
    """How methods were tuned, as it is published."""
    if suite.tuning is None:
        return None
    t = suite.tuning
    cfg = compose("evaluate", ["runs=none", *t.evaluate])
    return {
        "settings": [list(s) for s in t.settings], "families": list(t.families), "train": list(t.train), "split": SPLIT,
        "systems": t.systems, "evaluation": list(t.evaluation), "history": suite.usual_history, "rows": cfg.rows,
        "context": cfg.context,
    }  # fmt: skip


def declared(suite: Suite) -> Tuning:
    assert suite.tuning is not None
    return suite.tuning


def _error(cell: Cell) -> float:
    """One step ahead with the usual K, over the systems."""
    history = cell.suite.usual_history
    for r in Results.load(cell.results).prediction:
        if (r.split, r.history) == (SPLIT, history):
            error = float(rms([row[0] for row in r.per_system]))
            return error if math.isfinite(error) else math.inf
    raise ConfigError(
        "trials are judged with the usual K, which their evaluation leaves out",
        got=f"K = {history} is not in tuning.evaluate",
        fix=f'tuning.evaluate: ["history_sizes=[{history}]"]',
    )


def _geometric_mean(errors: Sequence[float]) -> float:
    mean = math.exp(sum(math.log(max(e, 1e-300)) for e in errors) / len(errors))
    return float(f"{mean:.5g}")


def _check_episodes(suite: Suite, tuning: Tuning) -> None:
    """Raises ConfigError where trials would be judged on episodes that train or that the table is made on."""
    for name in tuning.families:
        family = suite.families[name]
        calls = suite.collect if family.collect is None else family.collect
        taken = {_seed(name, call) for call in (*calls, _evaluation(suite, family))}
        own = _seed(name, tuning.evaluation)
        if own in taken:
            raise ConfigError(
                "trials would be judged on episodes of the training or of the table",
                got=f"tuning.evaluation with seed={own}",
                expected=f"a seed of its own, none of {sorted(taken)}",
                fix=f"tuning.evaluation: [seed={max(taken) + 1000}]",
            )


@cache
def _seed(family: str, collect: Overrides) -> int:
    """Of the episodes that a call collects; every method's trials ask for it, and composing takes long."""
    return int(compose("collect", [f"env={family}", *collect]).seed)


def _evaluation(suite: Suite, family: BenchFamily) -> Overrides:
    return (*suite.evaluation, *family.evaluation)
