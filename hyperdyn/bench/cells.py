"""A cell of a benchmark: one method trained on one family with one seed, evaluated, and planned with.

What is to be done for it are ordinary command lines, a function of the suite alone, and what is done is seen in what
they left. So cells may run here, one after the other or at once, on other machines, or be typed by hand.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from hyperdyn.bench.plans import PLAN, belongs, planned, plans
from hyperdyn.bench.suite import BenchFamily, BenchMethod, Overrides, Suite
from hyperdyn.checkpoint import CHECKPOINTS, DIVERGED, LAST, read_checkpoint
from hyperdyn.config import compose
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate.results import Results

STAGES = ("train", "evaluate", PLAN, "change")
ASKED = ("ckpt", "overrides")
"""Keys of a training's configuration that say how it was called, not what it is."""


@dataclass(frozen=True)
class Place:
    """Folders of a benchmark: root holds its cells, data the trajectories; those of `judged` judge predictions."""

    root: Path
    data: Path
    judged: str = "evaluation"

    def training_data(self, family: str) -> Path:
        return self.data / family

    def evaluation_data(self, family: str) -> Path:
        return self.data / f"{family}-{self.judged}"


@dataclass(frozen=True, eq=False)
class Cell:
    suite: Suite
    place: Place
    family: BenchFamily
    method: BenchMethod
    seed: int

    @property
    def folder(self) -> Path:
        return self.place.root / self.family.name / f"{self.method.name}-{self.seed}"

    @property
    def results(self) -> Path:
        return self.folder / "results.json"

    def __str__(self) -> str:
        return f"{self.family.name} {self.method.name} seed {self.seed}"

    def arguments(self, step: str) -> list[str]:
        """What follows `hyperdyn` for one of its steps."""
        stage, _, way = step.partition(" ")
        return [stage, *getattr(self, f"_{stage}")(*([way] if way else []))]

    @property
    def steps(self) -> list[str]:
        """Its stages, in order; of the stage plan each way is a step of its own, as "plan closed"."""
        ways = [f"{PLAN} {name}" for name in self._ways]
        changes = [] if change_overrides(self.suite, self.family) is None else ["change"]
        return ["train", "evaluate", *ways, *changes]

    def done(self, step: str) -> bool:
        """Whether the step has left all that it leaves.

        Raises:
            ConfigError: the folder is of a training with another configuration.
        """
        stage, _, way = step.partition(" ")
        return bool(getattr(self, f"_done_{stage}")(*([way] if way else [])))

    @property
    def diverged(self) -> bool:
        """Whether its training ended early because the loss was no number any more."""
        return (self.folder / DIVERGED).is_file()

    def missing(self, stages: tuple[str, ...]) -> list[str]:
        """Those steps of the stages that have something to do; after a training, all.

        A training that has begun and not ended is not judged: its scores would stay when it goes on.
        """
        asked = [s for s in self.steps if s.partition(" ")[0] in stages]
        begun = (self.folder / "config.yaml").is_file()
        if asked and ("train" in asked or begun) and not self.done("train"):
            return asked if "train" in asked else []
        return [s for s in asked if not self.done(s)]

    def check_training(self) -> None:
        """Raises ConfigError if there is a training in its folder and that has another configuration."""
        file = self.folder / "config.yaml"
        if file.is_file() and (changed := _differences(OmegaConf.load(file), self._wanted, self._train())):
            raise ConfigError(
                f"'{self.folder}' is of a training with another configuration",
                got=f"other values of {', '.join(changed[:8])}",
                fix="give the suite another name, or delete this folder to train it anew",
            )

    @property
    def _wanted(self) -> DictConfig:
        """The configuration of its training."""
        return _training(self._train())

    def _train(self) -> Overrides:
        own = (*self.method.train, *self.method.families.get(self.family.name, ()))
        place = (f"run_dir={self.folder}", f"data_dir={self.place.training_data(self.family.name)}", "ckpt=last")
        name = (
            f"method={self.method.name}",
            f"name={self.suite.name}-{self.family.name}-{self.method.name}-{self.seed}",
        )
        model = f"model={self.method.model or self.method.name}"
        return (
            f"env={self.family.name}",
            model,
            *self.suite.train,
            *self.family.train,
            *own,
            f"seed={self.seed}",
            *name,
            *place,
        )

    def _evaluate(self) -> Overrides:
        return (f"runs=['{self.folder}']", *evaluate_overrides(self.suite, self.family, self.place))

    @property
    def _ways(self) -> dict[str, Overrides]:
        return plans(self.suite, self.family, self.method)

    def _plan(self, way: str) -> Overrides:
        return (f"runs=['{self.folder}']", *self._ways[way], "bounds=false", "workers=0")

    def _change(self) -> Overrides:
        found = change_overrides(self.suite, self.family)
        assert found is not None
        return (f"runs=['{self.folder}']", *found)

    def _done_train(self) -> bool:
        self.check_training()
        last = self.folder / CHECKPOINTS / LAST
        if not last.is_file() or read_checkpoint(last)["global_step"] < self._wanted.trainer.max_steps:
            return False
        return any(f.training_seconds is not None for f in self._found().methods)

    def _done_evaluate(self) -> bool:
        cfg = _composed("evaluate", evaluate_overrides(self.suite, self.family, self.place))
        there = {
            (r.split, r.history)
            for r in self._found().prediction
            if r.context == cfg.context and len(r.per_system[0]) == cfg.horizon
        }
        return there >= {(split, k) for split in self.suite.splits for k in cfg.history_sizes}

    def _done_plan(self, way: str) -> bool:
        wanted = planned(self._ways[way])
        found = [r for r in self._found().planning if belongs(r, wanted) and len(r.per_system) == wanted["systems"]]
        return {r.split for r in found} >= set(wanted["splits"])

    def _done_change(self) -> bool:
        cfg = _composed("change", change_overrides(self.suite, self.family) or ())
        wanted = (cfg.split, cfg.step, cfg.systems, cfg.steps)
        found = self._found().change
        there = {
            r.adaptation
            for r in found
            if (r.split, r.step, len(r.per_system) + r.dropped, len(r.per_system[0])) == wanted
        }
        return there >= {f"K = {k}" for k in cfg.windows}

    def _found(self) -> Results:
        return Results.load(self.results) if self.results.is_file() else Results(self.family.name)


def cells(suite: Suite, place: Place, families: list[str], methods: list[str], seeds: list[int]) -> list[Cell]:
    """Every combination that the suite trains, seed by seed: half a benchmark is a whole table of few seeds."""
    asked = [suite.methods[m] for m in methods]
    chosen = [(suite.families[f], method) for f in families for method in asked if method.trained_on(f)]
    return [Cell(suite, place, family, method, seed) for seed in seeds for family, method in chosen]


def collections(suite: Suite, place: Place, family: BenchFamily) -> list[list[str]]:
    """What follows `hyperdyn` in each call that fills the data of a family."""
    calls = suite.collect if family.collect is None else family.collect
    train = [["collect", f"env={family.name}", f"data_dir={place.training_data(family.name)}", *call] for call in calls]
    systems = [
        f"systems.{split}={suite.systems if split in suite.splits else 0}"
        for split in ("train", "interpolation", "extrapolation")
    ]
    where = [f"env={family.name}", f"data_dir={place.evaluation_data(family.name)}"]
    return [*train, ["collect", *where, *systems, *suite.evaluation, *family.evaluation]]


def evaluate_overrides(suite: Suite, family: BenchFamily, place: Place) -> Overrides:
    data = f"data_dir={place.evaluation_data(family.name)}"
    return (data, f"splits=[{','.join(suite.splits)}]", *suite.evaluate, *family.evaluate)


def change_overrides(suite: Suite, family: BenchFamily) -> Overrides | None:
    """None where no system changes in mid-episode: in the whole suite, or on this family."""
    return None if suite.change is None or family.change is None else (*suite.change, *family.change)


def typed(arguments: list[str]) -> str:
    """The command line, as a shell takes it."""
    return shlex.join(["hyperdyn", *arguments])


@cache
def _composed(command: str, overrides: Overrides) -> DictConfig:
    return compose(command, ["runs=none", *overrides])


@cache
def _training(overrides: Overrides) -> DictConfig:
    """The configuration of a training; trials are looked at several times, each time as other cells."""
    return compose("train", overrides)


def _differences(kept: Any, wanted: Any, asked: Overrides) -> list[str]:
    """Keys, with dots, whose values differ. A key that did not exist then differs if it is asked for by name."""
    one, other = (_flat(OmegaConf.to_container(c, resolve=True)) for c in (kept, wanted))
    named = {text.lstrip("+").partition("=")[0] for text in asked}
    keys = [k for k in one.keys() | other.keys() if k.split(".")[0] not in ASKED and (k in one or k in named)]
    return sorted(k for k in keys if one.get(k) != other.get(k))


def _flat(value: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(value, Mapping) or not value:
        return {prefix.removesuffix("."): value}
    return {k: v for key, child in value.items() for k, v in _flat(child, f"{prefix}{key}.").items()}
