"""The results of a run folder, which several commands may add to at the same time."""

from pathlib import Path
from threading import Thread

from hyperdyn.commands.runs import keep
from hyperdyn.evaluate.results import PlanningScore, Results
from hyperdyn.files import locked
from hyperdyn.report.writer import RESULTS


def result(method: str) -> Results:
    return Results("family", planning=(PlanningScore(method, "interpolation", 16, 0, 100, "cem", (1.0,)),))


def test_commands_that_add_to_one_run_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    keep(tmp_path, result("first"))
    second = Thread(target=keep, args=(tmp_path, result("second")))
    with locked(tmp_path):  # a third command has read what is there, and not yet written
        read = Results.load(tmp_path / RESULTS)
        second.start()
        second.join(0.2)
        read.merged(result("third")).save(tmp_path / RESULTS)
    second.join()
    assert {r.method for r in Results.load(tmp_path / RESULTS).planning} == {"first", "second", "third"}
