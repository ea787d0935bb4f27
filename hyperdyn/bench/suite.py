"""What a benchmark consists of, as conf/suite/<name>.yaml declares it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Self, TypeVar

from hyperdyn.errors import ConfigError, at_least, nearest

Overrides = tuple[str, ...]
Part = TypeVar("Part", bound="BenchMethod | BenchFamily | Tuning | Suite")


@dataclass(frozen=True)
class BenchMethod:
    """One row of the table.

    model: option of the group `model`; the method's own name by default.
    train: overrides of `hyperdyn train` for it, on every family; families: further ones by family.
    only: families that it is trained on; all of the suite where none is named.
    plan: by the name of a way of planning, overrides that make use of what this method alone gives, such as particles.
    ceiling: it is told what the others must find out; never marked as the best.
    """

    name: str
    model: str = ""
    train: Overrides = ()
    families: Mapping[str, Overrides] = field(default_factory=dict)
    only: tuple[str, ...] = ()
    plan: Mapping[str, Overrides] = field(default_factory=dict)
    ceiling: bool = False

    def trained_on(self, family: str) -> bool:
        return not self.only or family in self.only


@dataclass(frozen=True)
class BenchFamily:
    """One family, and what is different on it: overrides that follow those of the suite, in `plan` those of each way.

    collect: in the place of the suite's, where given. heatmap: two factors that its map of errors is drawn over.
    """

    name: str
    collect: tuple[Overrides, ...] | None = None
    evaluation: Overrides = ()
    train: Overrides = ()
    evaluate: Overrides = ()
    plan: Overrides | None = ()
    change: Overrides | None = ()
    heatmap: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tuning:
    """The trials that decide each method's settings: the same for all, with seed 0, before any training of the table.

    A trial is a training and its error one step ahead with the usual K, on new episodes of systems that training had:
    no system of a test split has a say. Over several families it is the geometric mean of their errors.

    settings: one trial each, overrides of `hyperdyn train`; what wins follows a method's own, on every family.
    families: where trials are judged. train: a trial's budget, after all overrides but its setting.
    evaluation, evaluate: overrides of `hyperdyn collect` for the episodes, and of `hyperdyn evaluate`.
    systems: the first so many of the split train.
    """

    settings: tuple[Overrides, ...]
    families: tuple[str, ...]
    train: Overrides = ()
    evaluation: Overrides = ()
    evaluate: Overrides = ()
    systems: int = 32


@dataclass(frozen=True)
class Suite:
    """methods x families x seeds, and the protocol that they share.

    reference: the method that the others are paired with.
    executed: hidden layers of the network that one predicted step should execute; methods with others are said to.
    collect: overrides of `hyperdyn collect`, a list for each call that fills the training data of a family.
    evaluation: the same for the data of the evaluation, whose systems are those of the family's manifest.
    tuning: how each method's settings are found; null tries none.
    train, evaluate, change: overrides of these commands.
    plan: the same for each way of planning, by its name. plan and change are null where that is left out.
    ceiling_systems: the simulator, of which each system takes minutes, plans for the first so many; null is for all.
    splits, systems: of the evaluation; the first so many systems of each.
    kept_horizon: steps ahead that are published of every K; all of them are of `usual_history`.
    """

    name: str
    methods: Mapping[str, BenchMethod]
    families: Mapping[str, BenchFamily]
    seeds: tuple[int, ...]
    reference: str
    executed: tuple[int, ...]
    collect: tuple[Overrides, ...]
    evaluation: Overrides = ()
    tuning: Tuning | None = None
    train: Overrides = ()
    evaluate: Overrides = ()
    plan: Mapping[str, Overrides] | None = None
    change: Overrides | None = None
    ceiling_systems: int | None = None
    splits: tuple[str, ...] = ("train", "interpolation", "extrapolation")
    systems: int = 32
    usual_history: int = 16
    kept_horizon: int = 10
    about: str = ""

    @classmethod
    def read(cls, declared: Mapping[str, Any]) -> Self:
        """The suite that plain containers declare.

        Raises:
            ConfigError: a key that is unknown or missing, a reference that is no method of it, or trials of nothing.
        """
        content = dict(declared)
        for key, kind in (("methods", BenchMethod), ("families", BenchFamily)):
            named = content.get(key) or {}
            content[key] = {
                name: _read(kind, {**(own or {}), "name": name}, f"{key}.{name}") for name, own in named.items()
            }
        if content.get("tuning") is not None:
            content["tuning"] = _read(Tuning, content["tuning"], "tuning")
        suite = _read(cls, content, "suite")
        for what, size in (("methods", suite.methods), ("families", suite.families), ("seeds", suite.seeds)):
            if not size:
                raise ConfigError(f"a suite without {what}", fix="name at least one")
        if suite.reference not in suite.methods:
            fix = nearest(suite.reference, suite.methods)
            raise ConfigError("the reference of a suite is one of its methods", got=suite.reference, fix=fix)
        if suite.tuning is not None:
            chosen(list(suite.tuning.families), list(suite.families), "family to tune on")
            _check_settings(suite.tuning)
        if suite.plan is not None and not isinstance(suite.plan, Mapping):
            fix = "plan: {closed: [steps=100], open: [steps=100, replan=100]}"
            raise ConfigError("ways of planning have names", got=list(suite.plan), fix=fix)
        if suite.ceiling_systems is not None:
            at_least(1, suite, ceiling_systems=suite.ceiling_systems)
        for method in suite.methods.values():
            _check_families(suite, method)
            chosen(list(method.plan), list(suite.plan or ()), f"way of planning (methods.{method.name})")
        return suite

    @property
    def ceilings(self) -> list[str]:
        return [m.name for m in self.methods.values() if m.ceiling]


def chosen(named: Sequence[Any] | Any, there: Sequence[Any], what: str) -> list[Any]:
    """Those of `there` that were asked for, by one name, a list or nothing, which is all.

    Raises:
        ConfigError: one that is not there.
    """
    asked = list(there) if named is None else list(named) if isinstance(named, (list, tuple)) else [named]
    for name in asked:
        if name not in there:
            raise ConfigError(f"the suite has no such {what}", got=name, fix=nearest(str(name), map(str, there)))
    return [name for name in there if name in asked]


def _check_settings(tuning: Tuning) -> None:
    settings = tuning.settings
    if not settings or not all(isinstance(s, tuple) for s in settings) or len(set(settings)) < len(settings):
        raise ConfigError(
            "tuning: settings to try",
            got=[list(s) if isinstance(s, tuple) else s for s in settings],
            expected="at least one, each a list of overrides, none twice",
            fix="settings: [[module.lr=1e-3], [module.lr=4e-3]]",
        )
    if not tuning.families:
        raise ConfigError("tuning: families to judge trials on", got="none", fix="families: [cheetah_mix]")


def _check_families(suite: Suite, method: BenchMethod) -> None:
    for name in (*method.only, *method.families):
        chosen(name, list(suite.families), f"family (methods.{method.name})")
    if lost := [f for f in (suite.tuning.families if suite.tuning else ()) if not method.trained_on(f)]:
        raise ConfigError(
            f"methods.{method.name} is not trained where trials are judged",
            got=f"only: {list(method.only)}",
            expected=f"{', '.join(lost)} among them",
            fix="tuning.families: families that all methods are trained on",
        )


def _read(kind: type[Part], content: Mapping[str, Any], where: str) -> Part:
    valid = {f.name for f in fields(kind)}
    for key in content:
        if key not in valid:
            raise ConfigError(f"unknown key in {where}", got=key, fix=nearest(str(key), valid - {"name"}))
    try:
        return kind(**{key: _frozen(value) for key, value in content.items()})
    except TypeError as error:
        raise ConfigError(f"{where} is not whole", got=error) from error


def _frozen(value: Any) -> Any:
    if isinstance(value, (list, tuple)):
        return tuple(_frozen(v) for v in value)
    if isinstance(value, Mapping):
        return {k: _frozen(v) for k, v in value.items()}
    return value
