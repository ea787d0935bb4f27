"""A published benchmark to build on: its trials are taken as they were made, its scores join those of new cells."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hyperdyn.bench import tuning
from hyperdyn.bench.publication import Publication
from hyperdyn.bench.suite import Suite
from hyperdyn.errors import ConfigError

SAME = ("suite", "family", "manifest", "factor_names", "factors", "data", "protocol", "reference", "executed")
"""What must be said of new cells as of those that are published."""
OF_A_METHOD = ("model", "overrides", "tuning", "ceiling")
BETWEEN = "; "


def load(folder: Path | str | None, suite: Suite) -> dict[str, Publication]:
    """What a folder holds of the suite, by family; nothing without a folder.

    Raises:
        HyperdynError: a file is none of a benchmark, or there is none of this suite.
    """
    if folder is None:
        return {}
    files = sorted(Path(folder).glob("*.json"))
    found = {p.family: p for p in map(Publication.load, files) if p.about["suite"] == suite.name}
    if not found:
        raise ConfigError(
            f"there is nothing to build on in '{folder}'",
            got=f"{len(files)} files, none of suite '{suite.name}'",
            expected="the files <family>.json that `hyperdyn bench` publishes",
            fix="builds_on=results/<suite>",
        )
    return found


def records(suite: Suite, published: Mapping[str, Publication]) -> dict[str, tuning.Record]:
    """How methods were tuned there.

    Raises:
        ConfigError: by other trials than those of the suite, or files disagree.
    """
    found: dict[str, tuning.Record] = {}
    for family, p in published.items():
        _check(family, {"protocol.tuning": (p.about["protocol"]["tuning"], tuning.protocol(suite))})
        for method, about in p.about["methods"].items():
            record = tuning.Record.of(about["tuning"])
            _check(family, {f"tuning of {method}": (record, found.setdefault(method, record))})
    return found


def joined(earlier: Mapping[str, Any], now: Mapping[str, Any], *, made_here: bool) -> dict[str, Any]:
    """What is said of published cells and of new ones together.

    made_here: whether there are new ones; if not, versions and machine are those of the earlier ones alone.

    Raises:
        ConfigError: the earlier ones were made in another way.
    """
    differing = {key: (earlier[key], now[key]) for key in SAME}
    for method, about in earlier["methods"].items():
        other = now["methods"].get(method, {})
        differing |= {f"{key} of {method}": (about[key], other.get(key)) for key in OF_A_METHOD}
    _check(earlier["family"], differing)
    if not made_here:
        return {**now, "packages": earlier["packages"], "machine": earlier["machine"]}
    packages = {name: _both(earlier["packages"].get(name), version) for name, version in now["packages"].items()}
    return {**now, "packages": packages, "machine": _both(earlier["machine"], now["machine"])}


def _check(family: str, values: Mapping[str, tuple[Any, Any]]) -> None:
    changed = [key for key, (earlier, now) in values.items() if earlier != now]
    if changed:
        key = changed[0]
        raise ConfigError(
            f"what is published of '{family}' was made in another way",
            got=f"another {', '.join(changed[:8])}; there, the first is {_short(values[key][0])}",
            expected=_short(values[key][1]),
            fix="builds_on=null makes everything anew; results=<another folder> keeps what is published",
        )


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) < 300 else f"{text[:300]} ..."


def _both(earlier: str | None, now: str | None) -> str | None:
    if earlier is None or now is None or now in earlier.split(BETWEEN):
        return earlier or now
    return f"{earlier}{BETWEEN}{now}"
