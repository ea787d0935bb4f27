"""Ways of planning: each made, checked and shown by itself; success where there is such a thing, else the return."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperdyn import build
from hyperdyn.bench.cells import Cell, Place, cells, collections, evaluate_overrides
from hyperdyn.bench.check import _planning
from hyperdyn.bench.planning_tables import planning_tables
from hyperdyn.bench.plans import announced, belongs, planned, plans
from hyperdyn.bench.publication import Publication
from hyperdyn.bench.suite import Suite
from hyperdyn.bench.tuning import trials
from hyperdyn.config import compose
from hyperdyn.envs.loading import load
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate.results import CEILING, FLOOR, PlanningScore, Results
from hyperdyn.evaluate.summary import Summary
from hyperdyn.figures.scores import success_bars
from hyperdyn.report.numbers import best_cells
from hyperdyn.report.planning_tables import success_tables
from hyperdyn.statistics import Interval

DECLARED: dict[str, Any] = {
    "name": "s", "methods": {"fixed": {}, "hyper": {}}, "families": {"pendulum": {"plan": ["systems=4"]}},
    "seeds": [0, 1], "reference": "fixed", "executed": [8], "collect": [],
    "plan": {
        "closed": ["steps=3", "splits=[interpolation]", "history=0", "support=5"],
        "unfelt": ["steps=3", "splits=[interpolation]", "history=0", "support=0"],
        "open": ["steps=3", "splits=[interpolation]", "history=0", "support=5", "replan=3"],
    },
}  # fmt: skip
SUITE = Suite.read(DECLARED)
FAMILY = SUITE.families["pendulum"]
WAYS = {name: planned(overrides) for name, overrides in plans(SUITE, FAMILY).items()}
PLACE = Place(Path("r"), Path("d"))


def score(way: str, method: str, seed: int, reached: list[float], **changed: Any) -> PlanningScore:
    w = WAYS[way]
    known = {"history": 0, "support": 0 if method in (FLOOR, CEILING) else w["support"]}
    told = {"steps": w["steps"], "planner": w["planner"], **known, **changed}
    return PlanningScore(method, "interpolation", seed=seed, per_system=(1.0,) * 4, success=tuple(reached), **told)


def publication() -> Publication:
    rng = np.random.default_rng(0)
    records = []
    for way in WAYS:
        runs = [(m, seed) for m in SUITE.methods for seed in SUITE.seeds] + [(FLOOR, 0), (CEILING, 0)]
        records += [score(way, m, seed, rng.integers(0, 2, 4).astype(float).tolist()) for m, seed in runs]
    about = {
        "protocol": {"planning": WAYS}, "methods": {m: {"ceiling": False} for m in SUITE.methods}, "seeds": [0, 1],
        "reference": "fixed",
    }  # fmt: skip
    unique = {(r.method, r.seed, r.planner, r.steps, r.support): r for r in records}  # two ways share their bounds
    return Publication(about, Results("pendulum", planning=tuple(unique.values())))


def test_each_way_is_made_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cell = Cell(SUITE, Place(tmp_path, tmp_path), FAMILY, SUITE.methods["hyper"], 0)
    Results("pendulum", planning=(score("closed", "hyper", 0, [1, 0, 1, 1]),)).save(cell.results)
    monkeypatch.setattr(Cell, "_done_train", lambda self: True)
    assert cell.missing(("train", "plan")) == ["plan unfelt", "plan open"]
    name, *overrides = cell.arguments("plan open")
    assert (name, overrides[1:6]) == ("plan", [*DECLARED["plan"]["open"]])
    assert compose(name, overrides).systems == 4  # the family's own follow


def test_ways_differ_by_what_was_known_and_by_how_was_planned() -> None:
    own = score("closed", "hyper", 0, [1, 0, 1, 1])
    assert [name for name, way in WAYS.items() if belongs(own, way)] == ["closed"]
    bound = score("closed", CEILING, 0, [1, 1, 1, 1])
    assert [name for name, way in WAYS.items() if belongs(bound, way)] == ["closed", "unfelt"]


def test_a_method_may_plan_with_what_it_alone_gives() -> None:
    own = {"fixed": {}, "hyper": {"plan": {"open": ["particles=4"]}}}
    suite = Suite.read({**DECLARED, "methods": own})
    found = announced(suite, FAMILY)
    assert {name: way for name, way in found.items() if name != "open"} == {
        k: w for k, w in WAYS.items() if k != "open"
    }
    cell = Cell(suite, PLACE, FAMILY, suite.methods["hyper"], 0)
    planner = planned(plans(suite, FAMILY, suite.methods["hyper"])["open"])["planner"]
    assert planner == WAYS["open"]["planner"] + ", particles=4"
    assert compose("plan", cell.arguments("plan open")[1:]).particles == 4
    assert compose("plan", cell.arguments("plan closed")[1:]).particles == 0
    for method, its in (("fixed", WAYS["open"]["planner"]), ("hyper", planner)):
        for told in (WAYS["open"]["planner"], planner):
            assert belongs(score("open", method, 0, [1] * 4, planner=told), found["open"]) is (told == its)
    with pytest.raises(ConfigError, match="did you mean 'open'"):
        Suite.read({**DECLARED, "methods": {"fixed": {"plan": {"opn": []}}}})


def test_the_ceiling_may_be_of_the_first_systems_alone() -> None:
    ways = announced(replace(SUITE, ceiling_systems=3), FAMILY)
    assert ways == {name: {**way, "ceiling_systems": 3} for name, way in WAYS.items()}
    assert announced(replace(SUITE, ceiling_systems=4), FAMILY) == WAYS  # all that are planned for
    p = publication()
    told = {**p.about, "protocol": {"planning": ways}}
    records = [r for r in p.results.planning if r.method != CEILING]
    few = [
        replace(r, per_system=r.per_system[:3], success=r.success[:3]) for r in p.results.planning if r not in records
    ]
    p = Publication(told, Results("pendulum", planning=(*records, *few)))
    assert list(_planning(p)) == []
    assert all("; simulator: the first 3 systems" in t.note for t in planning_tables(p)[::2])
    without = replace(p, results=replace(p.results, planning=tuple(records)))
    assert not any("simulator" in t.note for t in planning_tables(without))
    whole = Publication(told, publication().results)
    assert {(f.got, f.expected) for f in _planning(whole)} == {("4 systems", 3)}
    with pytest.raises(ConfigError, match="ceiling_systems"):
        Suite.read({**DECLARED, "ceiling_systems": 0})


def test_tables_show_the_share_of_each_way_and_its_paired_difference() -> None:
    p = publication()
    tables = {t.title: t for t in planning_tables(p)}
    for name, way in WAYS.items():
        share = {row[0]: row[1] for row in tables[f"Success ({name})"].rows}
        grids = {
            m: np.array([r.success for r in p.results.planning if r.method == m and belongs(r, way)])
            for m in (FLOOR, "fixed", "hyper", CEILING)
        }
        assert list(share) == list(grids)
        for method, grid in grids.items():
            assert share[method].split(" [")[0] == f"{grid.mean():.2f}"
        (minus,) = tables[f"Success ({name}), difference from fixed"].rows
        assert minus[1].split(" [")[0] == f"{grids['hyper'].mean() - grids['fixed'].mean():+.2f}"
    assert len(tables) == 6


@pytest.mark.parametrize("judged", [True, False])
def test_a_method_with_a_planner_of_its_own_is_compared_and_named(judged: bool) -> None:
    p, planner = publication(), f"{WAYS['open']['planner']}, particles=4"
    p = p if judged else replace(p, results=replace(p.results, planning=tuple(map(unjudged, p.results.planning))))
    told = {**p.about, "protocol": {"planning": {**WAYS, "open": {**WAYS["open"], "own": {"hyper": planner}}}}}
    records = [
        replace(r, planner=planner) if r.method == "hyper" and belongs(r, WAYS["open"]) else r
        for r in p.results.planning
    ]
    found = planning_tables(Publication(told, Results("pendulum", planning=tuple(records))))
    assert [t.rows for t in found] == [t.rows for t in planning_tables(p)]
    assert f"hyper: {planner}" in found[4].note
    assert ["initial states and planner, but of hyper (above)" in t.note for t in found] == [False] * 5 + [True]


def unjudged(score: PlanningScore) -> PlanningScore:
    return replace(score, success=())


def test_tables_say_what_success_is_where_the_family_does() -> None:
    p, text = publication(), "within a hand's breadth"
    told = planning_tables(replace(p, about={**p.about, "success": text}))
    assert [t.note.startswith(f"{text}: share of systems") for t in told] == [True, False] * 3
    assert all(t.note.startswith("share of systems") for t in planning_tables(p)[::2])
    for family, begins in (("pushing", load("pushing").success_text + ": share"), ("elsewhere", "share")):
        (table, *_) = success_tables(replace(p.results, family=family))
        assert table.note.startswith(begins)


def test_those_that_are_equally_good_are_all_marked_unless_all_are() -> None:
    found = [Summary(Interval(value, value, value), 1, 1) for value in (0.5, 1.0, 0.2, 1.0)]
    assert best_cells([[s] for s in found], [0, 1, 3], largest=True) == ((), (1,), (), (1,))
    assert best_cells([[s] for s in found], [0, 1, 3]) == ((1,), (), (), ())
    assert best_cells([[s] for s in found], [1, 3], largest=True) == best_cells([[s] for s in found], [0]) == ((),) * 4


def test_bars_of_success_stand_on_an_axis_from_none_to_all() -> None:
    p = publication()
    records = tuple(replace(r, success=(0.0,) * 4) for r in p.results.planning if belongs(r, WAYS["open"]))
    (ax,) = success_bars(Results("pendulum", planning=records), "open").axes
    assert ax.get_ylim()[0] == 0
    assert ax.get_ylim()[1] > 1
    assert [text.get_text() for text in ax.texts].count("0.00") == 2  # of hyper and fixed


def lose_a_way(records: list[PlanningScore]) -> None:
    records[:] = [r for r in records if not (r.method == "hyper" and r.seed == 1 and belongs(r, WAYS["open"]))]


def add_another(records: list[PlanningScore]) -> None:
    records.append(score("closed", "hyper", 0, [1, 1, 1, 1], support=7))


def half_a_success(records: list[PlanningScore]) -> None:
    records[0] = score("closed", "fixed", 0, [0.5, 1, 1, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lose_a_way, "1 returns of plan 'open' are missing"),
        (add_another, "1 returns are of no way of planning that was announced"),
        (half_a_success, "0 or 1 of each system"),
    ],
)
def test_what_is_wrong_with_a_way_is_named(change: Callable[[list[PlanningScore]], None], message: str) -> None:
    p = publication()
    assert list(_planning(p)) == []
    records = list(p.results.planning)
    change(records)
    (fault,) = _planning(Publication(p.about, Results("pendulum", planning=tuple(records))))
    assert message in str(fault)


def test_a_method_is_trained_where_the_suite_says() -> None:
    families = {"pendulum": {}, "cheetah_mix": {}}
    own = {"fixed": {}, "hyper": {"only": ["pendulum"]}}
    suite = Suite.read({**DECLARED, "methods": own, "families": families})
    found = cells(suite, PLACE, list(families), list(own), [0])
    assert [str(c) for c in found] == [
        "pendulum fixed seed 0", "pendulum hyper seed 0", "cheetah_mix fixed seed 0",
    ]  # fmt: skip
    tuning = {"settings": [["module.lr=1"]], "families": ["cheetah_mix"]}
    with pytest.raises(ConfigError, match="hyper is not trained where trials are judged"):
        Suite.read({**DECLARED, "methods": own, "families": families, "tuning": tuning})
    with pytest.raises(ConfigError, match="did you mean 'pendulum'"):
        Suite.read({**DECLARED, "methods": {"fixed": {"only": ["pendulam"]}}})


def test_ways_without_names_are_refused() -> None:
    with pytest.raises(ConfigError, match="ways of planning have names"):
        Suite.read({**DECLARED, "plan": ["steps=3"]})


SUITES = [p.stem for p in sorted((Path(__file__).parents[2] / "conf" / "suite").glob("*.yaml"))]


@pytest.mark.parametrize("name", SUITES)
def test_every_suite_that_comes_with_hyperdyn_asks_for_what_there_is(name: str) -> None:
    """The data, plans and evaluation of each family, the training of each method, the setting of each trial."""
    suite = Suite.read(build.plain(compose("bench", [f"suite={name}"]).suite))
    for family in suite.families.values():
        for command, *overrides in collections(suite, PLACE, family):
            compose(command, overrides)
        found = compose("evaluate", ["runs=none", *evaluate_overrides(suite, family, PLACE)])
        assert suite.usual_history in found.history_sizes
        for overrides in plans(suite, family).values():
            assert planned(overrides)["systems"] >= 1
    own = cells(suite, PLACE, list(suite.families), list(suite.methods), [suite.seeds[0]])
    tried = trials(suite, PLACE, list(suite.methods)) if suite.tuning else []
    once = {c.method.name: c for c in reversed(own)} | {str(c.method.families): c for c in reversed(tried)}
    for cell in once.values():
        command, *overrides = cell.arguments("train")
        compose(command, overrides)
    if suite.tuning:
        assert suite.usual_history in compose("evaluate", tried[0].arguments("evaluate")[1:]).history_sizes
