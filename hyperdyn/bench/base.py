"""A published benchmark to build on: its trials are taken as they were made, its scores join those of new cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from hyperdyn.bench import merge, tuning
from hyperdyn.bench.cells import Place
from hyperdyn.bench.publication import Publication
from hyperdyn.bench.suite import BenchFamily, Suite
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate.results import MethodFacts

SAME_DATA = ("manifest", "factor_names", "factors", "data")
BETWEEN = "; "
"""Between versions, where cells were made with several."""


def load(folder: Path | str | None, suite: Suite) -> dict[str, Publication]:
    """What a folder holds of the suite, by family; nothing without a folder.

    Raises:
        HyperdynError: a file is none of a benchmark, or there is none of this suite.
    """
    if folder is None:
        return {}
    files = sorted(Path(folder).glob("*.json"))
    found = {p.family: p for p in map(Publication.load, files) if p.about["suite"] == suite.name}
    if not found:
        raise ConfigError(
            f"there is nothing to build on in '{folder}'",
            got=f"{len(files)} files, none of suite '{suite.name}'",
            expected="the files <family>.json that `hyperdyn bench` publishes",
            fix="builds_on=results/<suite>",
        )
    return found


def records(suite: Suite, published: Mapping[str, Publication]) -> dict[str, tuning.Record]:
    """How methods were tuned there.

    Raises:
        ConfigError: by other trials than those of the suite, or files disagree.
    """
    found: dict[str, tuning.Record] = {}
    for family, p in published.items():
        _same(family, {"protocol.tuning": (p.about["protocol"]["tuning"], tuning.protocol(suite))})
        for method, about in p.about["methods"].items():
            record = tuning.Record.of(about["tuning"])
            _same(family, {f"tuning of {method}": (record, found.setdefault(method, record))})
    return found


def check(
    suite: Suite, place: Place, family: BenchFamily, records: Mapping[str, tuning.Record], earlier: Publication
) -> None:
    """Raises ConfigError if its trainings or scores were made otherwise than the suite, tuned, makes them."""
    about = earlier.about
    values: dict[str, tuple[Any, Any]] = {
        "protocol": (about["protocol"], merge.protocol(suite, family, place)),
        "reference": (about["reference"], suite.reference),
        "executed": (about["executed"], list(suite.executed)),
    }
    for name, method in about["methods"].items():
        now: dict[str, Any] = {}
        if name in suite.methods:
            now = merge.made_with(suite, suite.methods[name], family, records[name])
        values |= {f"{key} of {name}": (method[key], now.get(key)) for key in ("model", "overrides", "ceiling")}
    _same(earlier.family, values)


def join(suite: Suite, earlier: Publication, now: Publication) -> Publication:
    """Both, as if all cells had been made at once; of a training that is in both, the scores of now.

    Raises:
        ConfigError: they were judged on other data.
    """
    before, after = earlier.about, now.about
    _same(earlier.family, {key: (before[key], after[key]) for key in SAME_DATA})
    order = list(suite.methods)
    by_training = {(c["method"], c["seed"]): c for c in [*before["cells"], *after["cells"]]}
    cells = sorted(by_training.values(), key=lambda c: (c["seed"], order.index(c["method"])))
    results = earlier.results.merged(now.results)
    methods = [_times(f, cells) for name in order for f in results.methods if f.method == name]
    lost = {(d["method"], d["seed"]) for about in (before, after) for d in about.get("diverged_trainings", ())}
    told = {**before["methods"], **after["methods"]}
    about = {
        **after,
        "command": merge.command(suite, now.family, by_training),
        "seeds": sorted({c["seed"] for c in cells}),
        "methods": {f.method: {**told[f.method], "diverged": merge.diverged(results, f.method)} for f in methods},
        "cells": cells,
        "packages": {name: _both(before["packages"].get(name), v) for name, v in after["packages"].items()},
        "machine": _both(before["machine"], after["machine"]),
        "diverged_trainings": [{"method": m, "seed": s} for m, s in sorted(lost - set(by_training))],
    }
    return Publication(about, replace(results, methods=tuple(methods)))


def _times(facts: MethodFacts, cells: Sequence[Mapping[str, Any]]) -> MethodFacts:
    """With the mean times of all trainings."""
    own = [c for c in cells if c["method"] == facts.method]
    return replace(
        facts,
        training_seconds=merge.mean([c["training_seconds"] for c in own]),
        decision_seconds=merge.mean([c["decision_seconds"] for c in own]),
    )


def _same(family: str, values: Mapping[str, tuple[Any, Any]]) -> None:
    changed = [key for key, (earlier, now) in values.items() if earlier != now]
    if changed:
        earlier, now = map(_short, values[changed[0]])
        raise ConfigError(
            f"what is published of '{family}' was made in another way",
            got=f"another {', '.join(changed[:8])}; there, the first is {earlier}",
            expected=now,
            fix="builds_on=null makes everything anew; results=<another folder> keeps what is published",
        )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 300 else f"{text[:300]} ..."


def _both(earlier: str | None, now: str | None) -> str | None:
    if earlier is None or now is None or now in earlier.split(BETWEEN):
        return earlier or now
    return f"{earlier}{BETWEEN}{now}"
