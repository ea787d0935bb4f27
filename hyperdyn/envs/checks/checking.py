"""All checks of a family."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from hyperdyn.envs.checks import declaration, dynamics, numbers
from hyperdyn.envs.checks.fault import Fault
from hyperdyn.envs.checks.probe import Probe
from hyperdyn.envs.spec import Family
from hyperdyn.workers import run_jobs

CHECKS: dict[str, Callable[[Family, Probe], Iterator[Fault]]] = {
    "splits": declaration.splits,
    "systems": declaration.systems,
    "action box": declaration.action_box,
    "observations": declaration.observations,
    "dt": declaration.time_step,
    "length": declaration.length,
    "finite numbers": numbers.finite,
    "objective": numbers.objective,
    "termination": numbers.termination,
    "determinism": dynamics.determinism,
    "factors": dynamics.factors,
    "simulator": dynamics.simulator,
    "state": dynamics.whole_state,
    "hidden state": dynamics.whole_observation,
}


@dataclass(frozen=True)
class _Made:
    """What a worker process must be able to do."""

    family: Family

    def __call__(self, factors: Any) -> int:
        return self.family.simulate(factors[None]).batch


def check_family(family: Family, *, worker: bool = True) -> list[Fault]:
    """Every fault of a family, and notes on what could not be checked.

    worker: also start a worker process and make a system there, which takes seconds.
    """
    probe = Probe(family)
    found = []
    for name, check in CHECKS.items():
        found += _faults(name, check, family, probe)
    return found + list(_travels(family, worker))


def _faults(name: str, check: Callable[..., Iterator[Fault]], family: Family, probe: Probe) -> list[Fault]:
    found: list[Fault] = []
    try:
        for fault in check(family, probe):
            found.append(fault)
    except Exception as error:  # an environment may raise anything, and the other checks shall still be made
        got = f"{type(error).__name__}: {error}"
        found.append(Fault(f"not checked: {name}", got, "an environment that runs", "mend what it says, then again"))
    return found


def _travels(family: Family, worker: bool) -> Iterator[Fault]:
    """Whether worker processes can make its systems."""
    what = "worker processes cannot make its systems"
    fix = "functions and classes at the top of an installed module, and env_id 'module:Id-v0', which imports it"
    try:
        pickle.loads(pickle.dumps(family))
        if worker:
            list(run_jobs(_Made(family), [family.nominal], 1))
    except Exception as error:  # pickling raises what it likes
        last = str(error).strip().splitlines()[-1]
        yield Fault(what, f"{type(error).__name__}: {last}", "a family that pickles", fix)
