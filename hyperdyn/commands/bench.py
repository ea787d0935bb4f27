"""`hyperdyn bench`: methods x families x seeds, resumable, to one table."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from hyperdyn import build
from hyperdyn.bench import base, tuning
from hyperdyn.bench.cells import (
    STAGES,
    Cell,
    Place,
    cells,
    change_overrides,
    collections,
    evaluate_overrides,
    typed,
)
from hyperdyn.bench.merge import merge
from hyperdyn.bench.pages import write_pages
from hyperdyn.bench.plans import announced, composed, plans, systems_of
from hyperdyn.bench.publication import Publication
from hyperdyn.bench.suite import BenchFamily, Suite, chosen
from hyperdyn.commands.cells import Todo, check_tuned, command, line, lines, run_cells, try_settings, untried
from hyperdyn.commands.plan import task_of
from hyperdyn.commands.runs import keep
from hyperdyn.config import compose
from hyperdyn.errors import ConfigError, HyperdynError, nearest
from hyperdyn.evaluate import planning
from hyperdyn.evaluate.manifest import EvaluationManifest
from hyperdyn.evaluate.results import CEILING, Results
from hyperdyn.files import write_whole
from hyperdyn.workers import cores

AROUND = ("collect", "tune", "bounds", "merge")
"""Stages beside those of each cell."""
LAUNCHES = ("here", "print")
AGAIN = "the trainings follow when these trials have ended: print again, they take the settings that win"


def run(cfg: DictConfig) -> None:
    """Do what is not done yet of the stages that were asked for; interrupted anywhere and called again, it continues.

    Raises:
        HyperdynError: cells failed; the others are done all the same.
    """
    suite = Suite.read(build.plain(cfg.suite))
    place = Place(Path(cfg.root), Path(cfg.data_dir))
    stages = [str(s) for s in ([cfg.stages] if isinstance(cfg.stages, str) else cfg.stages)]
    for name, valid in [*((s, (*STAGES, *AROUND)) for s in stages), (cfg.launch, LAUNCHES)]:
        if name not in valid:
            raise ConfigError("a benchmark has no such stage or launch", got=name, fix=nearest(name, valid))
    families = chosen(build.plain(cfg.family), list(suite.families), "family")
    methods = chosen(build.plain(cfg.method), list(suite.methods), "method")
    seeds = chosen(build.plain(cfg.seed), suite.seeds, "seed")
    published = base.load(cfg.builds_on, suite)
    known = base.records(suite, published)
    for name in families:
        _same_protocol(suite, place, suite.families[name])
    trials = untried(suite, place, [m for m in methods if m not in known])
    for cell in trials:
        _same_protocol(cell.suite, cell.place, cell.family)
    if "tune" not in stages and set(STAGES) & set(stages):
        check_tuned(trials)

    def todo() -> Todo:
        """What is not done of the cells of methods whose trials have ended, here or in what is built on."""
        ready = tuning.tuned(suite, tuning.records(suite, place, methods, known))
        own = cells(ready, place, families, list(ready.methods), seeds)
        return {c: found for c in own if (found := c.missing(tuple(stages)))}

    left = todo()  # a training of another configuration is refused before anything is made
    collecting = _collections(suite, place, families, tuple(trials)) if "collect" in stages else []
    trying = trials if "tune" in stages else {}
    if cfg.launch == "print":
        _print([*collecting, *lines(trying), *lines(left)])
        if trying:
            print(AGAIN, file=sys.stderr)
        return
    for arguments in (a for calls in collecting for a in calls):
        command(arguments)
    workers = cores() if cfg.workers is None else int(cfg.workers)
    failed = try_settings(trying, workers)
    failed |= run_cells(todo() if trying else left, workers)
    if "bounds" in stages:
        for name in families:
            _bounds(suite, place, suite.families[name])
    if "merge" in stages:
        _merge(suite, place, Path(cfg.results), published)
    if failed:
        raise HyperdynError(
            f"{len(failed)} cells failed",
            got="\n            ".join(f"{cell}: {line(error)}" for cell, error in failed.items()),
            fix="mend it and run the same command again: what is done is kept",
        )


def _same_protocol(suite: Suite, place: Place, family: BenchFamily) -> None:
    """Raises ConfigError if its cells were made with another protocol; methods, families, seeds, plans may be added."""
    file = place.root / family.name / "protocol.yaml"
    now = {
        "collect": collections(suite, place, family),
        "evaluate": list(evaluate_overrides(suite, family, place)),
        **{f"plan {name}": list(overrides) for name, overrides in plans(suite, family).items()},
        "change": None if (found := change_overrides(suite, family)) is None else list(found),
    }
    before = OmegaConf.to_container(OmegaConf.load(file)) if file.is_file() else {}
    assert isinstance(before, dict)
    changed = [key for key, value in now.items() if before.get(key) is not None and before[key] != value]
    if changed:
        raise ConfigError(
            f"'{file.parent}' was made with another protocol",
            got=f"other overrides of {', '.join(changed)}; {file} has those of before",
            fix=f"give the suite another name, or delete {file.parent} and its data",
        )
    if now != before:
        file.parent.mkdir(parents=True, exist_ok=True)
        write_whole(file, OmegaConf.to_yaml(OmegaConf.create(now)).encode())  # cells of other machines read it


def _print(lines: Iterable[Sequence[Sequence[str]]]) -> None:
    """One line a family for its data, one a trial, one a cell: each to be run as it is, in any order, anywhere."""
    for commands in lines:
        print(" && ".join(typed(list(arguments)) for arguments in commands))


def _collections(suite: Suite, place: Place, families: Sequence[str], trials: Sequence[Cell]) -> list[list[list[str]]]:
    """What follows `hyperdyn`, family by family; and of the families that trials need."""
    asked = [collections(suite, place, suite.families[name]) for name in families]
    judging = {c.family.name: collections(c.suite, c.place, c.family) for c in trials}
    for name, calls in judging.items():
        asked.append([call for call in calls if name not in families or call not in asked[families.index(name)]])
    return asked


def _bounds(suite: Suite, place: Place, family: BenchFamily) -> None:
    """The floor and the ceiling of every way of planning on one family."""
    spec = build.family(compose("collect", [f"env={family.name}"]).env)
    ways = announced(suite, family)
    for name, overrides in plans(suite, family).items():
        cfg, scores = composed(overrides), []
        for split in cfg.splits:
            factors, starts = EvaluationManifest.of(spec).systems(split, cfg.systems)
            task = task_of(cfg, spec, build.construct(cfg.planner), factors, starts)
            first = task.first(systems_of(CEILING, ways[name]))
            scores += [planning.floor(task, split), planning.ceiling(first, split, cfg.cache, workers=cores())]
        keep(place.root / family.name / "bounds", Results(family.name, planning=tuple(scores)))


def _merge(suite: Suite, place: Place, folder: Path, published: Mapping[str, Publication]) -> None:
    """Publish every family that has scores, whichever were asked for, here or in what is built on.

    Raises:
        ConfigError: cells of another protocol or of another configuration, or published ones to build on that were made
            in another way: the file would say of them what is not so.
    """
    publications: list[Publication] = []
    records = tuning.records(suite, place, list(suite.methods), base.records(suite, published))
    ready = tuning.tuned(suite, records)
    told = replace(suite, methods={**suite.methods, **ready.methods})
    for family in suite.families.values():
        if earlier := published.get(family.name):
            base.check(told, place, family, records, earlier)
        own = cells(ready, place, [family.name], list(ready.methods), list(suite.seeds))
        if any(c.results.is_file() and Results.load(c.results).prediction for c in own):
            _same_protocol(suite, place, family)
            for cell in own:
                cell.check_training()
            p = merge(told, place, family, own, place.root / family.name / "bounds" / "results.json", records)
            publications.append(p if earlier is None else base.join(told, earlier, p))
        elif earlier:
            publications.append(earlier)
    for p in publications:
        p.save(folder / f"{p.family}.json")
    if not publications:
        raise HyperdynError(
            "nothing to publish", got="no cell with scores", fix="hyperdyn bench without stages=[merge] makes them"
        )
    for path in write_pages(suite, publications, folder):
        print(f"open {path}")
    for path in sorted({*folder.glob("*.json")} - {folder / f"{p.family}.json" for p in publications}):
        print(f"{path} was made earlier and is in none of these tables; builds_on='{folder}' takes it in")
