"""`hyperdyn check-env`: does an environment keep what its family declares?"""

from __future__ import annotations

from typing import Any

from omegaconf import DictConfig

from hyperdyn import build
from hyperdyn.envs.checks import Fault, check_family
from hyperdyn.envs.checks.declaration import factor_faults
from hyperdyn.envs.spec import Factor
from hyperdyn.errors import EnvError, HyperdynError


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


def _mended(node: dict[str, Any]) -> list[Fault]:
    """Faults of the splits, which are taken out of the configuration, so that all else can be looked at too."""
    found: list[Fault] = []
    factors = {name: dict(given) for name, given in dict(node.get("factors") or {}).items()}
    for name, given in factors.items():
        try:
            faults = list(factor_faults(name, Factor(**given)))
        except TypeError:  # an unknown field: the family will say so
            continue
        if faults:
            found += faults
            given.pop("interpolation", None), given.pop("extrapolation", None)
            if Factor(**given).faults():
                given.update(train=[given["nominal"]], log=False)
    node["factors"] = factors
    return found
