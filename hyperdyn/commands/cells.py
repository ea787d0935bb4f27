"""Cells of a benchmark, run here: trials first, then trainings and what follows them."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import closing
from importlib import import_module

from hyperdyn.bench import tuning
from hyperdyn.bench.cells import Cell, Place
from hyperdyn.bench.suite import Suite
from hyperdyn.commands.beside import all_beside
from hyperdyn.config import compose
from hyperdyn.errors import ConfigError, HyperdynError
from hyperdyn.workers import cores

Todo = dict[Cell, list[str]]
"""Stages that are not done."""


def untried(suite: Suite, place: Place, methods: Sequence[str]) -> Todo:
    """The trials of these methods that have not ended; none where the suite tunes nothing."""
    if suite.tuning is None:
        return {}
    trials = tuning.trials(suite, place, methods)
    return {c: c.missing(tuning.STAGES) for c in trials if not tuning.ended(c)}


def check_tuned(trials: Todo) -> None:
    """Raises ConfigError where trials have not ended, and so it is not known what to train with."""
    if trials:
        raise ConfigError(
            "methods are trained with the settings that win their trials",
            got=f"{len(trials)} trials have not ended: {'; '.join(map(str, list(trials)[:4]))}",
            expected=f"their results in {next(iter(trials)).place.root}",
            fix="stages=[collect,tune] makes them; a suite with tuning=null tries no settings",
        )


def try_settings(trials: Todo, workers: int) -> dict[Cell, HyperdynError]:
    """Run trials; those that failed. One that diverged has ended: that setting is none to train with."""
    failed = run_cells(trials, workers)
    return {cell: error for cell, error in failed.items() if not cell.diverged}


def lines(todo: Todo) -> list[list[list[str]]]:
    """What follows `hyperdyn`, command after command, of each cell."""
    return [[cell.arguments(stage) for stage in missing] for cell, missing in todo.items()]


def run_cells(todo: Todo, workers: int) -> dict[Cell, HyperdynError]:
    """Run the cells, say of each when it has ended and how long the rest will take; those that failed."""
    failed: dict[Cell, HyperdynError] = {}
    begin = time.monotonic()
    with closing(_ended(todo, workers)) as ended:
        for number, (cell, error) in enumerate(ended, start=1):
            spent = time.monotonic() - begin
            left = spent / number * (len(todo) - number)
            said = "done" if error is None else f"FAILED: {line(error)}"
            print(f"[{number}/{len(todo)}] {cell}: {said}; {_time(spent)} so far, about {_time(left)} left", flush=True)
            if error is not None:
                failed[cell] = error
    return failed


def command(arguments: Sequence[str]) -> None:
    """`hyperdyn ARGUMENTS` in this process."""
    name, *overrides = arguments
    import_module(f"hyperdyn.commands.{name}").run(compose(name, overrides))


def line(error: HyperdynError) -> str:
    """What it says, on one line."""
    return " ".join(part.strip() for part in str(error).splitlines())


def _ended(todo: Mapping[Cell, Sequence[str]], workers: int) -> Generator[tuple[Cell, HyperdynError | None]]:
    if workers:
        commands = {cell: [cell.arguments(stage) for stage in missing] for cell, missing in todo.items()}
        logs = {cell: cell.folder / "bench.log" for cell in todo}
        share = max(1, (cores() or 1) // workers)
        yield from all_beside(commands, logs, workers, share)
        return
    for cell, missing in todo.items():
        try:
            for stage in missing:
                command(cell.arguments(stage))
        except HyperdynError as error:
            yield cell, error
        else:
            yield cell, None


def _time(seconds: float) -> str:
    return (
        f"{seconds:.0f} s"
        if seconds < 120
        else f"{seconds / 60:.0f} min"
        if seconds < 7200
        else f"{seconds / 3600:.1f} h"
    )
