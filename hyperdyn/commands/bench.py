"""`hyperdyn bench`: methods x families x seeds, resumable, to one table."""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from importlib import import_module
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from hyperdyn import build
from hyperdyn.bench.cells import (
    STAGES,
    Cell,
    Place,
    cells,
    change_overrides,
    collections,
    evaluate_overrides,
    plan_overrides,
    typed,
)
from hyperdyn.bench.merge import merge
from hyperdyn.bench.pages import write_pages
from hyperdyn.bench.publication import Publication
from hyperdyn.bench.suite import BenchFamily, Suite, chosen
from hyperdyn.commands.beside import all_beside
from hyperdyn.commands.runs import keep
from hyperdyn.config import compose
from hyperdyn.errors import ConfigError, HyperdynError, nearest
from hyperdyn.evaluate import planning
from hyperdyn.evaluate.manifest import EvaluationManifest
from hyperdyn.evaluate.results import Results
from hyperdyn.evaluate.task import Task
from hyperdyn.workers import cores

AROUND = ("collect", "bounds", "merge")
"""Stages of a family, beside those of each cell."""
LAUNCHES = ("here", "print")


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
    for name in families:
        _same_protocol(suite, place, suite.families[name])
    todo = {c: found for c in cells(suite, place, families, methods, seeds) if (found := c.missing(tuple(stages)))}
    if cfg.launch == "print":
        _print(suite, place, stages, todo, families)
        return
    if "collect" in stages:
        _collect(suite, place, families)
    failed = _run(todo, cores() if cfg.workers is None else int(cfg.workers))
    if "bounds" in stages:
        for name in families:
            _bounds(suite, place, suite.families[name])
    if "merge" in stages:
        _merge(suite, place, Path(cfg.results))
    if failed:
        raise HyperdynError(
            f"{len(failed)} of {len(todo)} cells failed",
            got="\n            ".join(f"{cell}: {_line(error)}" for cell, error in failed.items()),
            fix="mend it and run the same command again: what is done is kept",
        )


def _same_protocol(suite: Suite, place: Place, family: BenchFamily) -> None:
    """Raises ConfigError if its cells were made with another protocol; methods, families and seeds may be added."""
    file = place.root / family.name / "protocol.yaml"
    now = {
        "collect": collections(suite, place, family),
        "evaluate": list(evaluate_overrides(suite, family, place)),
        "plan": None if (found := plan_overrides(suite, family)) is None else list(found),
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
        temporary = file.with_name(f"{file.name}.{os.getpid()}.tmp")
        OmegaConf.save(OmegaConf.create(now), temporary)
        temporary.replace(file)  # in one step: cells of other machines read it


def _print(suite: Suite, place: Place, stages: Sequence[str], todo: dict[Cell, list[str]], families: list[str]) -> None:
    """One line a family for its data, then one line a cell: each to be run as it is, in any order, anywhere."""
    for name in families if "collect" in stages else []:
        print(" && ".join(typed(arguments) for arguments in collections(suite, place, suite.families[name])))
    for cell, missing in todo.items():
        print(" && ".join(typed(cell.arguments(stage)) for stage in missing))


def _collect(suite: Suite, place: Place, families: list[str]) -> None:
    for name in families:
        for arguments in collections(suite, place, suite.families[name]):
            _command(arguments)


def _run(todo: dict[Cell, list[str]], workers: int) -> dict[Cell, HyperdynError]:
    """Run the cells, say of each when it has ended and how long the rest will take; those that failed."""
    failed: dict[Cell, HyperdynError] = {}
    begin = time.monotonic()
    with closing(_ended(todo, workers)) as ended:
        for number, (cell, error) in enumerate(ended, start=1):
            spent = time.monotonic() - begin
            left = spent / number * (len(todo) - number)
            said = "done" if error is None else f"FAILED: {_line(error)}"
            print(f"[{number}/{len(todo)}] {cell}: {said}; {_time(spent)} so far, about {_time(left)} left", flush=True)
            if error is not None:
                failed[cell] = error
    return failed


def _ended(todo: dict[Cell, list[str]], workers: int) -> Generator[tuple[Cell, HyperdynError | None]]:
    if workers:
        lines = {cell: [cell.arguments(stage) for stage in missing] for cell, missing in todo.items()}
        logs = {cell: cell.folder / "bench.log" for cell in todo}
        share = max(1, (cores() or 1) // workers)
        yield from all_beside(lines, logs, workers, share)
        return
    for cell, missing in todo.items():
        try:
            for stage in missing:
                _command(cell.arguments(stage))
        except HyperdynError as error:
            yield cell, error
        else:
            yield cell, None


def _command(arguments: Sequence[str]) -> None:
    """`hyperdyn ARGUMENTS` in this process."""
    name, *overrides = arguments
    import_module(f"hyperdyn.commands.{name}").run(compose(name, overrides))


def _bounds(suite: Suite, place: Place, family: BenchFamily) -> None:
    """The floor and the ceiling of planning on one family."""
    found = plan_overrides(suite, family)
    if found is None:
        return
    cfg = compose("plan", ["runs=none", *found])
    spec = build.family(compose("collect", [f"env={family.name}"]).env)
    scores = []
    for split in cfg.splits:
        factors, starts = EvaluationManifest.of(spec).systems(split, cfg.systems)
        task = Task(spec, factors, starts, build.construct(cfg.planner), cfg.steps, cfg.risk, cfg.replan)
        scores += planning.compare(task, {}, split=split, cache=cfg.cache, workers=cores())
    keep(place.root / family.name / "bounds", Results(family.name, planning=tuple(scores)))


def _merge(suite: Suite, place: Place, folder: Path) -> None:
    """Publish every family that has scores, whichever were asked for."""
    publications: list[Publication] = []
    for family in suite.families.values():
        own = cells(suite, place, [family.name], list(suite.methods), list(suite.seeds))
        if any(c.results.is_file() and Results.load(c.results).prediction for c in own):
            p = merge(suite, place, family, own, place.root / family.name / "bounds" / "results.json")
            p.save(folder / f"{family.name}.json")
            publications.append(p)
    if not publications:
        raise HyperdynError(
            "nothing to publish", got="no cell with scores", fix="hyperdyn bench without stages=[merge] makes them"
        )
    for path in write_pages(suite, publications, folder):
        print(f"open {path}")


def _line(error: HyperdynError) -> str:
    return " ".join(line.strip() for line in str(error).splitlines())


def _time(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
