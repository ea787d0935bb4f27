"""Is a published file whole, and made on the frozen systems that it claims? Every fault at once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from hyperdyn import build
from hyperdyn.bench.cells import Place
from hyperdyn.bench.check_methods import method_faults
from hyperdyn.bench.fault import RERUN, Fault, few
from hyperdyn.bench.merge import protocol
from hyperdyn.bench.plans import belongs, systems_of
from hyperdyn.bench.publication import Publication
from hyperdyn.bench.suite import Suite
from hyperdyn.config import compose
from hyperdyn.envs.loading import available
from hyperdyn.envs.loading import load as load_family
from hyperdyn.errors import HyperdynError
from hyperdyn.evaluate.manifest import EvaluationManifest
from hyperdyn.evaluate.results import CEILING, FLOOR, PredictionScore, UncertaintyScore


def faults(path: Path | str) -> list[Fault]:
    """What is wrong with a published file; nothing if it is as it should be."""
    try:
        p = Publication.load(path)
    except HyperdynError as error:
        return [Fault(error.what, error.got, error.expected or "a file of `hyperdyn bench`", error.fix or RERUN)]
    try:
        return [*_manifest(p), *_suite(p), *_prediction(p), *_planning(p), *_change(p), *method_faults(p)]
    except (KeyError, TypeError, AttributeError, ValueError, IndexError) as error:
        return [Fault("the entry 'bench' is not as it is written", repr(error), "what `hyperdyn bench` writes", RERUN)]


def _manifest(p: Publication) -> Iterator[Fault]:
    if p.about["family"] != p.family:
        yield Fault("scores and what is said of them are of different families", p.about["family"], p.family, RERUN)
    if p.family not in available():
        yield Fault(
            "there is no such family",
            p.family,
            ", ".join(available()),
            "publish results of a family that comes with hyperdyn",
        )
        return
    folder = resources.files("hyperdyn.conf") / "evaluation" / f"{p.family}.json"
    with resources.as_file(folder) as file:
        frozen = EvaluationManifest.load(file)
    fix = "evaluate on this version's manifest: move the evaluation data away and run `hyperdyn bench` again"
    if p.about["manifest"]["sha256"] != frozen.sha256:
        yield Fault("made on another manifest", f"sha256 {p.about['manifest']['sha256']}", frozen.sha256, fix)
    if tuple(p.about["factor_names"]) != load_family(p.family).factor_names:
        yield Fault("factors have other names", p.about["factor_names"], list(frozen.factor_names), fix)
    for split, own in p.about["factors"].items():
        there = np.array(frozen.splits[split].factors[: len(own)]) if split in frozen.splits else np.empty(0)
        if np.shape(own) != there.shape or not np.allclose(own, there, rtol=1e-9, atol=1e-9):
            yield Fault(
                f"systems of split '{split}' are not the manifest's", "other factors", f"its first {len(own)}", fix
            )
    if set(p.about["factors"]) != set(p.about["protocol"]["splits"]):
        yield Fault("factors of the splits", sorted(p.about["factors"]), sorted(p.about["protocol"]["splits"]), RERUN)


def _suite(p: Publication) -> Iterator[Fault]:
    """What a file announces against the suite of that name, if one comes with hyperdyn. Methods are anyone's choice."""
    name = str(p.about["suite"])
    if not (resources.files("hyperdyn.conf") / "suite" / f"{name}.yaml").is_file():
        return
    suite = Suite.read(build.plain(compose("bench", [f"suite={name}"]).suite))
    fix = f"run `hyperdyn bench suite={name}` as it is, or publish under another name: suite.name=..."
    if p.family not in suite.families:
        yield Fault(f"suite '{name}' has no such family", p.family, ", ".join(suite.families), fix)
        return
    expected = protocol(suite, suite.families[p.family], Place(Path(), Path()))
    for key, value in expected.items():
        if p.about["protocol"].get(key) != value:
            yield Fault(f"protocol of suite '{name}': {key}", p.about["protocol"].get(key), value, fix)
    if sorted(p.about["seeds"]) != sorted(suite.seeds):
        yield Fault(f"seeds of suite '{name}'", p.about["seeds"], list(suite.seeds), fix)


def _prediction(p: Publication) -> Iterator[Fault]:
    protocol = p.about["protocol"]
    wanted = {
        (m, s, k, seed, protocol["context"])
        for m, seed in p.trainings
        for s in protocol["splits"]
        for k in protocol["history_sizes"]
    }
    yield from _whole("prediction scores", [_judged(r) for r in p.results.prediction], wanted, JUDGED)
    certain = {r.method for r in p.results.uncertainty}
    wanted = {w for w in wanted if w[0] in certain}
    yield from _whole("uncertainty scores", [_judged(r) for r in p.results.uncertainty], wanted, JUDGED)
    for r in p.results.prediction:
        yield from _shape(r, protocol)


JUDGED = "method, split, K, seed, context"


def _judged(r: PredictionScore | UncertaintyScore) -> tuple[Any, ...]:
    return r.method, r.split, r.history, r.seed, r.context


def _whole(what: str, found: Sequence[tuple[Any, ...]], wanted: set[tuple[Any, ...]], named: str) -> Iterator[Fault]:
    """Each record that is wanted is there, once, and no other. named: what a record is told from others by."""
    expected = f"{len(wanted)} of ({named})"
    if lost := sorted(wanted - set(found)):
        yield Fault(f"{len(lost)} {what} are missing", few(lost), expected, RERUN)
    if strange := sorted(set(found) - wanted):
        yield Fault(f"{len(strange)} {what} are of nothing that was announced", few(strange), expected, RERUN)
    if twice := sorted(r for r, times in Counter(found).items() if times > 1):
        yield Fault(f"{len(twice)} {what} are there more than once", few(twice), expected, RERUN)


def _shape(r: PredictionScore, protocol: Mapping[str, Any]) -> Iterator[Fault]:
    name = f"{r.method}, {r.split}, K = {r.history}, seed {r.seed}"
    horizon = (
        protocol["horizon"]
        if r.history == protocol["usual_history"]
        else min(protocol["kept_horizon"], protocol["horizon"])
    )
    if len(r.per_system) != protocol["systems"]:
        yield Fault(f"scores of {name}", f"{len(r.per_system)} systems", f"{protocol['systems']}", RERUN)
    if lengths := {len(row) for row in r.per_system} - {horizon}:
        yield Fault(f"scores of {name}", f"{sorted(lengths)} steps ahead", f"{horizon}", RERUN)
    values = [v for row in r.per_system for v in row]
    if any(math.isnan(v) for v in values):
        yield Fault(
            f"scores of {name}",
            f"{sum(map(math.isnan, values))} NaN",
            "numbers; null where a prediction diverged",
            RERUN,
        )
    if any(v < 0 for v in values):
        yield Fault(f"scores of {name}", f"a negative error, {min(values)}", "0 or more", RERUN)


def _planning(p: Publication) -> Iterator[Fault]:
    ways = p.about["protocol"]["planning"]
    for name, way in ways.items():
        yield from _way(p, name, way)
    if strange := [r for r in p.results.planning if not any(belongs(r, way) for way in ways.values())]:
        got = few([(r.method, r.split, r.seed, r.planner) for r in strange])
        yield Fault(f"{len(strange)} returns are of no way of planning that was announced", got, "none", RERUN)


def _way(p: Publication, name: str, way: Mapping[str, Any]) -> Iterator[Fault]:
    wanted = {(m, s, seed) for s in way["splits"] for m, seed in [*p.trainings, (FLOOR, 0), (CEILING, 0)]}
    own = [r for r in p.results.planning if belongs(r, way)]
    found = [(r.method, r.split, r.seed) for r in own]
    yield from _whole(f"returns of plan '{name}'", found, wanted, f"method, split, seed, under {way['planner']}")
    judged = bool(p.about.get("success")) or any(r.success for r in p.results.planning)
    for r in own:
        what = f"returns of plan '{name}', {r.method}, {r.split}, seed {r.seed}"
        if len(r.per_system) != (systems := systems_of(r.method, way)):
            yield Fault(what, f"{len(r.per_system)} systems", systems, RERUN)
        if not all(map(math.isfinite, r.per_system)):
            yield Fault(what, "some are not finite", "numbers", RERUN)
        if judged and (len(r.success) != len(r.per_system) or not set(r.success) <= {0.0, 1.0}):
            yield Fault(what, f"success {few([[v] for v in r.success])}", "0 or 1 of each system", RERUN)


def _change(p: Publication) -> Iterator[Fault]:
    """Every training was followed through the change that is announced; further ways to adapt are a method's own."""
    way = p.about["protocol"].get("change")
    if way is None:
        if p.results.change:
            yield Fault(f"{len(p.results.change)} scores are of a change that was not announced", "some", "none", RERUN)
        return
    trainings = set(p.trainings)
    wanted = {(m, seed, f"K = {k}") for m, seed in trainings for k in way["windows"]}
    found = [(r.method, r.seed, r.adaptation) for r in p.results.change]
    wanted |= {f for f in found if f[:2] in trainings}
    yield from _whole("scores of the change", found, wanted, "method, seed, adaptation")
    announced = (way["split"], way["step"], way["systems"], way["steps"])
    for r in p.results.change:
        lengths = {len(row) for row in r.per_system}
        own = (r.split, r.step, len(r.per_system) + r.dropped, *sorted(lengths))
        if own != announced:
            what = f"change, {r.method}, {r.adaptation}, seed {r.seed}: split, step, systems, steps"
            yield Fault(what, few([own]), few([announced]), RERUN)
