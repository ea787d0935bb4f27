"""What tables say beside their numbers: of how many trainings these are, and what a reader must not miss."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from hyperdyn.bench.cells import Cell, Place
from hyperdyn.bench.check import _change
from hyperdyn.bench.merge import PACKAGES, command
from hyperdyn.bench.pages import _subtitle
from hyperdyn.bench.planning_tables import planning_tables
from hyperdyn.bench.publication import Publication
from hyperdyn.bench.suite import Suite
from hyperdyn.bench.tables import adaptation, overview, paired_table, tuning_table
from hyperdyn.config import compose
from hyperdyn.evaluate.paired import error_ratio
from hyperdyn.evaluate.results import CEILING, FLOOR, ChangeScore, PlanningScore, PredictionScore, Results

WAY = {"splits": ["interpolation"], "systems": 2, "steps": 3, "history": 4, "support": 0, "planner": "CEM()"}
CHANGE = {"split": "interpolation", "systems": 2, "episodes": 1, "steps": 4, "step": 2, "windows": [4]}


def publication(family: str, seeds: dict[str, int], **about: Any) -> Publication:
    """Methods, each with so many trainings, judged on two systems."""
    runs = [(m, s) for m, n in seeds.items() for s in range(n)]
    predicted = [PredictionScore(m, "interpolation", 4, s, "support", ((0.5 + s,), (0.7,)), ()) for m, s in runs]
    bounds = [(FLOOR, 0), (CEILING, 0)]
    planned = [PlanningScore(m, "interpolation", 4, s, 3, "CEM()", (1.0 + s, 2.0)) for m, s in [*runs, *bounds]]
    changed = [ChangeScore(m, "interpolation", s, "K = 4", "a motor dies", 2, ((1.0,) * 4,) * 2) for m, s in runs]
    protocol = {
        "splits": ["interpolation"], "usual_history": 4, "history_sizes": [4], "horizon": 1, "change": CHANGE,
        "planning": {"closed": WAY},
    }  # fmt: skip
    methods = {m: {"ceiling": False} for m in seeds}
    told = {"protocol": protocol, "methods": methods, "reference": "fixed", "seeds": list(range(max(seeds.values())))}
    return Publication({**told, **about}, Results(family, tuple(predicted), tuple(planned), (), tuple(changed)))


def test_a_method_of_fewer_trainings_is_named() -> None:
    p = publication("pendulum", {"fixed": 3, "hyper": 2})
    assert adaptation(p).note == "[95 % interval over 3 training seeds and 2 systems; of fewer seeds: hyper 2]"
    assert "[95 % interval over 2 training seeds and 2 systems]" in paired_table(p, error_ratio, "ratio").note
    share, minus = planning_tables(p)
    assert "over 3 training seeds and 2 systems; of fewer seeds: hyper 2]" in share.note  # bounds are no trainings
    assert "over 2 training seeds and 2 systems]" in minus.note


def test_an_overview_says_how_many_trainings_each_family_has() -> None:
    whole, part = publication("pendulum", {"fixed": 3, "hyper": 3}), publication("ant_slope", {"fixed": 2, "hyper": 1})
    assert overview([whole]).note.endswith("; training seeds: 3")
    assert overview([whole, part]).note.endswith("; training seeds: pendulum 3; ant_slope 2, but hyper 1")
    lost = [{"method": "hyper", "seed": 1}]
    part = publication("ant_slope", {"fixed": 2, "hyper": 1}, diverged_trainings=lost)
    said = "; training seeds: 2, but hyper 1 (diverged in training and left out: hyper with seed 1)"
    assert overview([part]).note.endswith(said)
    assert _subtitle([whole, part]) == "2 methods · 2 families · 2 to 3 training seeds"
    assert _subtitle([publication("pendulum", {"fixed": 1})]) == "1 method · 1 family · 1 training seed"


def test_no_share_of_the_simulators_return_is_told_where_that_is_a_cost() -> None:
    p = publication("pendulum", {"fixed": 1})
    share, _ = planning_tables(p)
    assert share.rows[1][1].endswith("  100 %")
    assert "share of the simulator's" in share.note
    costs = tuple(replace(r, per_system=(-5.0, -6.0)) for r in p.results.planning)
    share, _ = planning_tables(Publication(p.about, replace(p.results, planning=costs)))
    assert "%" not in share.rows[1][1]
    assert "share" not in share.note


def tried(settings: list[list[str]], **errors: list[float | None]) -> Publication:
    found = {
        m: {"tuning": {"tried": [{"setting": s, "error": e} for s, e in zip(settings, own, strict=True)]}}
        for m, own in errors.items()
    }
    told = {"settings": settings, "train": [], "families": ["pendulum"], "split": "train", "systems": 2, "history": 4}
    return Publication({"protocol": {"tuning": told}, "methods": found}, Results("pendulum"))


def test_a_method_of_some_families_alone_keeps_its_place_in_the_suite() -> None:
    """The table ends with those that are told what the others must find out."""
    some, every, rates = ("fixed", "oracle"), ("fixed", "looks", "oracle"), [["module.lr=1"], ["module.lr=2"]]
    part, whole = (tried(rates, **{m: [0.2, 0.1] for m in methods}) for methods in (some, every))
    table = tuning_table([part, whole])
    assert table is not None
    assert [row[0] for row in table.rows] == ["fixed", "looks", "oracle"]
    families = publication("ant_slope", dict.fromkeys(some, 1)), publication("pendulum", dict.fromkeys(every, 1))
    assert [row[0] for row in overview(families).rows] == ["fixed", "looks", "oracle"]
    assert overview(families).columns == ("method", "ant_slope", "pendulum")


def test_versions_of_both_simulators_are_published() -> None:
    assert {"mujoco", "pybullet"} <= set(PACKAGES)


def test_a_tuning_table_names_who_won_at_an_end_of_what_was_tried() -> None:
    rates = [["module.lr=2e-3"], ["module.lr=1.6e-2"], ["module.lr=8e-3"]]
    found = tuning_table(
        [tried(rates, least=[0.1, 0.2, 0.3], most=[0.3, 0.2, 0.2], inner=[0.3, None, 0.2], lost=[None, None, None])]
    )
    assert found is not None
    assert found.note.endswith("; at an end of what was tried, so that more might win: least, most")
    assert found.note.startswith("a trial each, judged on")
    assert found.best == ((1,), (2,), (3,), ())  # the first of equal ones is what trains; of none that ended, none
    for others in ([["module.lr=1"], ["module.warmup_steps=5"]], [["model.hidden=[4]"], ["model.hidden=[8]"]]):
        found = tuning_table([tried(others, least=[0.1, 0.2])])
        assert found is not None
        assert "at an end" not in found.note


def test_a_command_names_the_part_that_it_makes() -> None:
    suite = Suite.read(
        {
            "name": "s", "methods": {"fixed": {}, "hyper": {}, "film": {"only": ["cheetah_mix"]}}, "seeds": [0, 1],
            "families": {"pendulum": {}, "cheetah_mix": {}}, "reference": "fixed", "executed": [8], "collect": [],
        }
    )  # fmt: skip

    def made(methods: list[str], seeds: list[int]) -> str:
        return command(suite, "pendulum", {(m, s) for m in methods for s in seeds})

    assert made(["fixed", "hyper"], [0, 1]) == "hyperdyn bench suite=s family=pendulum"
    assert made(["hyper"], [1]) == "hyperdyn bench suite=s family=pendulum 'method=[hyper]' 'seed=[1]'"


def lose_one(scores: list[ChangeScore]) -> None:
    del scores[0]


def shorter(scores: list[ChangeScore]) -> None:
    scores[0] = replace(scores[0], per_system=((1.0,) * 3,) * 2)


def fewer_systems(scores: list[ChangeScore]) -> None:
    scores[0] = replace(scores[0], per_system=((1.0,) * 4,))


@pytest.mark.parametrize(
    ("change", "message"),
    [(lose_one, "1 scores of the change are missing"), (shorter, "2 2 3"), (fewer_systems, "interpolation 2 1 4")],
)
def test_every_training_is_followed_through_the_change_that_is_announced(change: Any, message: str) -> None:
    p = publication("pendulum", {"fixed": 2, "hyper": 2})
    assert list(_change(p)) == []
    scores = list(p.results.change)
    change(scores)
    (fault,) = _change(Publication(p.about, replace(p.results, change=tuple(scores))))
    assert message in str(fault)
    silent = {**p.about, "protocol": {**p.about["protocol"], "change": None}}
    assert "was not announced" in str(*_change(Publication(silent, p.results)))


def test_a_change_is_judged_when_all_systems_are_or_are_said_to_be_left_out(tmp_path: Path) -> None:
    suite = Suite.read(
        {
            "name": "s", "methods": {"fixed": {}}, "seeds": [0], "families": {"ant_cripple": {}}, "reference": "fixed",
            "executed": [8], "collect": [], "change": ["systems=2", "steps=4", "step=2", "windows=[4]"],
        }
    )  # fmt: skip
    cell = Cell(suite, Place(tmp_path, tmp_path), suite.families["ant_cripple"], suite.methods["fixed"], 0)
    score = ChangeScore("fixed", "interpolation", 0, "K = 4", "a leg", 2, ((1.0,) * 4,), ended=9, dropped=1)
    Results("ant_cripple", change=(score,)).save(cell.results)
    assert cell.done("change")
    Results("ant_cripple", change=(replace(score, dropped=0),)).save(cell.results)
    assert not cell.done("change")


def test_half_a_training_is_not_judged(tmp_path: Path) -> None:
    suite = Suite.read(
        {
            "name": "s", "methods": {"fixed": {}}, "seeds": [0], "families": {"pendulum": {}}, "reference": "fixed",
            "executed": [8], "collect": [],
        }
    )  # fmt: skip
    cell = Cell(suite, Place(tmp_path, tmp_path), suite.families["pendulum"], suite.methods["fixed"], 0)
    assert cell.missing(("evaluate",)) == ["evaluate"]  # such lines may be printed before there is a folder
    cell.folder.mkdir(parents=True)
    OmegaConf.save(compose("train", cell.arguments("train")[1:]), cell.folder / "config.yaml")
    assert cell.missing(("evaluate",)) == []
    assert cell.missing(("train", "evaluate")) == ["train", "evaluate"]
