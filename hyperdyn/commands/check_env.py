"""`hyperdyn check-env`: does an environment keep what its family declares?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from types import NoneType
from typing import Any

from omegaconf import DictConfig

from hyperdyn import build
from hyperdyn.envs.checks import Fault, check_family
from hyperdyn.envs.checks.declaration import factor_faults
from hyperdyn.envs.spec import SPLITS, Factor
from hyperdyn.errors import EnvError, HyperdynError, nearest


def run(cfg: DictConfig) -> None:
    """Print every fault of the family `cfg.env`.

    Raises:
        EnvError: there is one.
    """
    node = dict(build.plain(cfg.env))
    found = _mended(node)
    try:
        found += check_family(build.family(node), worker=cfg.worker)
    except HyperdynError as error:
        what, *rest = str(error).splitlines()
        said = {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in rest)}
        fix = said.get("fix", "mend it, then check again: the environment itself was not looked at")
        found.append(Fault(what, said.get("got", "-"), said.get("expected", "a family"), fix))
    for fault in dict.fromkeys(map(str, found)):
        print(fault)
    faults = [fault for fault in found if not fault.note]
    if faults:
        raise EnvError(f"'{node.get('name')}' is not what it declares", got=f"faults: {len(set(map(str, faults)))}")
    print(f"'{node.get('name')}' keeps what it declares")


FIELDS = tuple(field.name for field in fields(Factor))
NEEDED = ("unit", "nominal", "train")


def _mended(node: dict[str, Any]) -> list[Fault]:
    """Faults of the factors, which are taken out of the configuration, so that all else can be looked at too."""
    found: list[Fault] = []
    factors = {}
    for name, declared in dict(node.get("factors") or {}).items():
        faults, given = _readable(name, declared)
        splits = list(factor_faults(name, Factor(**given)))
        if splits:
            given.pop("interpolation", None), given.pop("extrapolation", None)
            if Factor(**given).faults():
                given.update(train=[given["nominal"]], log=False)
        found += faults + splits
        factors[name] = given
    node["factors"] = factors
    return found


def _readable(name: str, declared: Any) -> tuple[list[Fault], dict[str, Any]]:
    """Fields of a factor that cannot be, or are missing; and a declaration that is none of that."""
    what, expected = f"factor '{name}'", ", ".join(FIELDS)
    if not isinstance(declared, Mapping):
        fix = f"{name}: {{unit: ..., nominal: {declared}, train: [[low, high]]}}"
        return [Fault(f"{what} is no list of fields", declared, expected, fix)], _filled({})
    found = [
        Fault(f"a field is missing in {what}", ", ".join(declared), n, f"{n}: ...") for n in NEEDED if n not in declared
    ]
    given = {}
    for key, value in declared.items():
        if key not in FIELDS:
            found.append(Fault(f"unknown field in {what}", key, expected, nearest(key, FIELDS)))
        elif key in SPLITS and not isinstance(value, (list, tuple, NoneType)):
            found.append(Fault(f"splits of {what}", f"{key}: {value}", "a list", f"{key}: [[low, high]], or [{value}]"))
        else:
            given[key] = value
    return found, _filled(given)


def _filled(given: dict[str, Any]) -> dict[str, Any]:
    nominal = given.get("nominal", 1.0)
    return {"unit": "?", "nominal": nominal, "train": [nominal], **given}
