"""What an evaluation found, as records, and the file `results.json` that holds them.

    {"format": 1, "family": NAME,
     "prediction": [{"method", "split", "history", "seed", "context", "per_system" [systems][T], "rmse" [T][S],
                   "pose" [systems][2]}, ...],
     "planning":   [{"method", "split", "history", "seed", "steps", "planner", "per_system" [systems],
                   "success" [systems], "support"}, ...],
     "uncertainty": [{"method", "split", "history", "seed", "context", "nll" [systems], ...}, ...],
     "methods":    [{"method", "executed", "parameters", "training_seconds", "decision_seconds", "note"}, ...],
     "change":     [{"method", "split", "seed", "adaptation", "change", "step", "per_system" [systems][L], ...}, ...]}

A number that is not finite, the error of a prediction that diverged, is null, and as bad as can be when it is read:
infinite, or minus infinity where it is a return.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hyperdyn.errors import HyperdynError
from hyperdyn.files import write_whole
from hyperdyn.statistics import rms

FORMAT = 1
RESULTS = "results.json"
FLOOR = "random"
CEILING = "simulator"


@dataclass(frozen=True)
class PredictionScore:
    """Error of one trained model on one split after `history` transitions.

    seed: of the training run. context: "support", from other episodes of the system, or "recent", from the same one.
    per_system: NRMSE, relative to the spread of changes over the whole split. rmse: physical units.
    pose: RMSE one step ahead of the position [m], as a distance, and of the heading [rad] of the object whose frame the
        state names; empty where it names none.
    """

    method: str
    split: str
    history: int
    seed: int
    context: str
    per_system: tuple[tuple[float, ...], ...]  # [systems][T]
    rmse: tuple[tuple[float, ...], ...]  # [T][S]
    pose: tuple[tuple[float, ...], ...] = ()  # [systems][2]

    @property
    def nrmse(self) -> tuple[float, ...]:
        """Of the split, [T]; every system has equally many rows."""
        return tuple(float(rms(step)) for step in zip(*self.per_system, strict=True))


@dataclass(frozen=True)
class PlanningScore:
    """Return of one episode of `steps` steps in each system. seed: of the training run; planner: how it planned.

    history: last transitions of the running episode that the method knew, beside `support` earlier ones of the system.
    success: 1 or 0 of each system, whether it got where it should; empty where the family does not say what that is.
    """

    method: str
    split: str
    history: int
    seed: int
    steps: int
    planner: str
    per_system: tuple[float, ...]  # [systems]
    success: tuple[float, ...] = ()  # [systems]
    support: int = 0


@dataclass(frozen=True)
class ChangeScore:
    """Error one step ahead along episodes in which the system changes after `step` steps.

    adaptation: from what the model is adapted at every step, "K = 16", the last transitions, or "gamma = 0.95", all of
    them with forgetting. change: what changes to what. per_system: NRMSE, relative to the spread over all episodes.
    detection: transitions after the change until the surprise is above its usual range, for methods that tell it;
        infinite where it never is.
    ended, dropped: episodes that ended early, and systems that had too few others; they are not among these.
    """

    method: str
    split: str
    seed: int
    adaptation: str
    change: str
    step: int
    per_system: tuple[tuple[float, ...], ...]  # [systems][L]
    detection: tuple[float, ...] = ()  # [episodes]
    ended: int = 0
    dropped: int = 0


@dataclass(frozen=True)
class UncertaintyScore:
    """How well one trained model knows the error of its first step, on one split after `history` transitions.

    Of each system, in normalised units: nll, negative log-likelihood; coverage and mean width of the 90 % intervals;
    rank_correlation of the standard deviation with the error's size, over rows and entries; surprise, of its expert,
    empty where the method has none. seed, context: as in `PredictionScore`.
    """

    method: str
    split: str
    history: int
    seed: int
    context: str
    nll: tuple[float, ...]  # [systems]
    coverage: tuple[float, ...]  # [systems]
    width: tuple[float, ...]  # [systems]
    rank_correlation: tuple[float, ...]  # [systems]
    surprise: tuple[float, ...] = ()  # [systems]


@dataclass(frozen=True)
class MethodFacts:
    """What a method costs; always shown beside its scores.

    executed: layer sizes of the network that one predicted step executes; parameters: numbers that are stored.
    """

    method: str
    executed: tuple[int, ...] = ()
    parameters: int | None = None
    training_seconds: float | None = None
    decision_seconds: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Results:
    """All records of a run, or of several."""

    family: str
    prediction: tuple[PredictionScore, ...] = ()
    planning: tuple[PlanningScore, ...] = ()
    methods: tuple[MethodFacts, ...] = ()
    change: tuple[ChangeScore, ...] = ()
    uncertainty: tuple[UncertaintyScore, ...] = ()

    def merged(self, other: Results) -> Results:
        """Both; where they hold a record of the same thing, the other's; of a method's facts, those that it knows."""
        if other.family != self.family:
            raise HyperdynError("results of different families do not mix", got=other.family, expected=self.family)
        return Results(
            self.family,
            _newest(self.prediction + other.prediction),
            _newest(self.planning + other.planning),
            _joined(self.methods + other.methods),
            _newest(self.change + other.change),
            _newest(self.uncertainty + other.uncertainty),
        )

    def save(self, path: Path | str, about: Mapping[str, Any] | None = None) -> None:
        """Write the file in one step: a reader sees the old one or the new one.

        about: further entries of the file, plain containers, which `load` leaves aside.
        """
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = _one_record_a_line({"format": FORMAT, **(about or {}), **_plain(asdict(self))})
        write_whole(path, f"{text}\n".encode())

    @classmethod
    def load(cls, path: Path | str) -> Results:
        """Raises HyperdynError where there is no such file or it is not one of ours."""
        path = Path(path)
        if not path.exists():
            raise HyperdynError("no results", got=str(path), fix=f"hyperdyn evaluate {path.parent}")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content.pop("format") != FORMAT:
                raise ValueError("another format")
            return cls(
                content["family"],
                tuple(PredictionScore(**_tuples(r)) for r in content["prediction"]),
                tuple(PlanningScore(**_tuples(r, null=-math.inf)) for r in content["planning"]),
                tuple(MethodFacts(**_facts(r)) for r in content["methods"]),
                tuple(ChangeScore(**_tuples(r)) for r in content.get("change", [])),
                tuple(UncertaintyScore(**_tuples(r)) for r in content.get("uncertainty", [])),
            )
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            fix = f"delete it and run: hyperdyn evaluate {path.parent}"
            raise HyperdynError(f"{path} is not a results file", got=repr(error), fix=fix) from error


IDENTITY = ("split", "history", "support", "seed", "context", "steps", "planner", "adaptation", "change", "step")
"""Beside the method, what tells one record from another; each has some of them."""


def _newest(records: Iterable[Any]) -> tuple[Any, ...]:
    """One record for each set of identifying fields, in order of first appearance."""
    latest: dict[tuple[Any, ...], Any] = {}
    for r in records:
        latest[(r.method, *(getattr(r, name, None) for name in IDENTITY))] = r
    return tuple(latest.values())


def _joined(facts: Iterable[MethodFacts]) -> tuple[MethodFacts, ...]:
    """One record for each method: what a later one does not know is as it was."""
    latest: dict[str, MethodFacts] = {}
    for f in facts:
        unknown = MethodFacts(f.method)
        known = {k: v for k, v in vars(f).items() if v != getattr(unknown, k)}
        latest[f.method] = replace(latest.get(f.method, unknown), **known)
    return tuple(latest.values())


def _one_record_a_line(content: dict[str, Any]) -> str:
    """JSON that is small and that a person can look at, and compare line by line."""
    parts = []
    for key, value in content.items():
        text = json.dumps(value, allow_nan=False)
        if isinstance(value, list):
            text = "[\n" + ",\n".join(json.dumps(r, allow_nan=False) for r in value) + "\n]"
        parts.append(f"{json.dumps(key)}: {text}")
    return "{" + ",\n".join(parts) + "}"


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return float(f"{value:.7g}") if math.isfinite(value) else None
    return value


def _tuples(record: dict[str, Any], null: float = math.inf) -> dict[str, Any]:
    return {k: _tuple(v, null) if isinstance(v, list) else v for k, v in record.items()}


def _tuple(value: Any, null: float) -> Any:
    if isinstance(value, list):
        return tuple(_tuple(v, null) for v in value)
    return null if value is None else value


def _facts(record: dict[str, Any]) -> dict[str, Any]:
    return {**record, "executed": tuple(record["executed"])}
