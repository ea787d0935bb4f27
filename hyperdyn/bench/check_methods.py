"""Is what a published file says of its methods and their trainings whole, and in keeping with itself?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from hyperdyn.bench.fault import RERUN, Fault, few
from hyperdyn.bench.merge import matched
from hyperdyn.bench.publication import Publication


def method_faults(p: Publication) -> Iterator[Fault]:
    """Sizes, tuning and trainings."""
    yield from _methods(p)
    yield from _cells(p)


def _methods(p: Publication) -> Iterator[Fault]:
    facts = {f.method: f for f in p.results.methods}
    for name, about in p.about["methods"].items():
        executed = list(facts[name].executed) if name in facts else []
        if not executed:
            yield Fault(
                f"the network that {name} executes is not said", "no layer sizes", "e.g. [24, 128, 128, 18]", RERUN
            )
        elif about.get("matched") is not matched(executed, p.about["executed"]):
            expected = matched(executed, p.about["executed"])
            fix = "say it: matched is true where hidden layers are those of 'executed'"
            yield Fault(
                f"executed size of {name}",
                f"matched: {about.get('matched')}, layers {executed}",
                f"matched: {expected}",
                fix,
            )
        yield from _tuning(p, name, about)
        own = [v for r in p.results.prediction if r.method == name for row in r.per_system for v in row]
        own += [v for r in p.results.planning if r.method == name for v in r.per_system]
        if (bad := sum(not math.isfinite(v) for v in own)) != about.get("diverged"):
            yield Fault(
                f"scores of {name} that are not finite", bad, f"{about.get('diverged')}, as the file states", RERUN
            )


def _tuning(p: Publication, name: str, about: Mapping[str, Any]) -> Iterator[Fault]:
    """Every method had the trials that the file announces, and was trained with the one that won."""
    own, announced = about.get("tuning") or {}, p.about["protocol"].get("tuning")
    if not isinstance(own.get("trials"), int) or "tried" not in own or "best" not in own:
        yield Fault(f"how {name} was tuned is not said", own, "{trials: N, tried: [...], best: [...]}", RERUN)
        return
    settings = [] if announced is None else [list(s) for s in announced["settings"]]
    if [t["setting"] for t in own["tried"]] != settings or own["trials"] != len(settings):
        got = f"{own['trials']} trials, of {few([t['setting'] for t in own['tried']])}"
        yield Fault(f"trials of {name} are not those of all methods", got, f"{len(settings)}, {few(settings)}", RERUN)
        return
    errors = [math.inf if t["error"] is None else t["error"] for t in own["tried"]]
    best = settings[errors.index(min(errors))] if settings else []
    if own["best"] != best:
        yield Fault(f"{name} was trained with a setting that did not win", own["best"], best, RERUN)
    trained = list(about["overrides"])
    if trained[len(trained) - len(best) :] != best:
        yield Fault(f"{name} was not trained with the setting that won", " ".join(trained), " ".join(best), RERUN)


def _cells(p: Publication) -> Iterator[Fault]:
    there = {(c["method"], c["seed"]) for c in p.about["cells"]}
    wanted = set(p.trainings)
    if there != wanted:
        yield Fault(
            "trainings",
            f"missing {few(sorted(wanted - there))}, too many {few(sorted(there - wanted))}",
            len(wanted),
            RERUN,
        )
    planned = {(r.method, r.seed) for r in p.results.planning}
    for c in p.about["cells"]:
        told = ["config", "training_seconds", "parameters"]
        told += ["decision_seconds"] if (c["method"], c["seed"]) in planned else []
        if lost := [key for key in told if not c.get(key)]:
            what = f"training of {c['method']}, seed {c['seed']}"
            yield Fault(what, f"no {', '.join(lost)}", ", ".join(told), RERUN)
