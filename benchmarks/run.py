"""`make bench`: every benchmark of this folder, as a table and as JSON.

Each file with a function `run() -> list[dict]` is one; its rows have `name`, `ratio`, `goal` (or None) and `better`
("lower" or "higher"), and may have `note`. Both sides of a ratio are timed in turns in one process.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
Row = Mapping[str, Any]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the named benchmarks, or all; 1 if a goal is missed."""
    there = available()
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("only", nargs="*", help=f"of {', '.join(there)}; all if none is named")
    parser.add_argument("--out", type=Path, default=HERE.parent / "build" / "benchmarks.json")
    args = parser.parse_args(argv)
    if unknown := set(args.only) - set(there):
        parser.error(f"there is no benchmark {min(unknown)}; there are: {', '.join(there)}")
    rows: list[dict[str, Any]] = []
    for name in args.only or there:
        print(f"{name} ...", file=sys.stderr, flush=True)
        for row in import_module(name).run():
            rows.append({"benchmark": name, **row})
            print(line(rows[-1]), flush=True)
    save(rows, args.out)
    missed = [row for row in rows if verdict(row) == "missed"]
    print(f"\n{len(rows)} ratios, {len(missed)} goals missed; written to {args.out}")
    return int(bool(missed))


def available() -> list[str]:
    """Names of the files that have a `run()`, read without importing them."""
    return sorted(p.stem for p in HERE.glob("*.py") if p.stem != "run" and "\ndef run(" in p.read_text())


def verdict(row: Row) -> str:
    """met, missed, or nothing where there is no goal or nothing was measured."""
    ratio, goal = row.get("ratio"), row.get("goal")
    if ratio is None or goal is None or math.isnan(ratio):
        return ""
    met = ratio <= goal if row["better"] == "lower" else ratio >= goal
    return "met" if met else "missed"


def line(row: Row) -> str:
    """One row of the table."""
    ratio, goal = row.get("ratio"), row.get("goal")
    measured = "left out" if ratio is None or math.isnan(ratio) else f"{ratio:.2f}"
    sign = "<=" if row["better"] == "lower" else ">="
    asked = "" if goal is None else f"{sign} {goal}"
    text = f"{row['name']:<72} {measured:>8}  {asked:<8} {verdict(row):<6}"
    return f"{text} {row.get('note', '')}".rstrip()


def save(rows: Sequence[Row], path: Path) -> None:
    """The rows and what they were measured on."""
    machine = {
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "python": platform.python_version(),
        "platform": platform.platform(),
        "processor": _processor(),
        "cores": os.cpu_count(),
        "load": os.getloadavg()[0] if hasattr(os, "getloadavg") else None,
        "versions": {name: version(name) for name in ("torch", "numpy", "mujoco", "lightning")},
    }
    rows = [{k: None if isinstance(v, float) and math.isnan(v) else v for k, v in row.items()} for row in rows]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1) + "\n")


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    names = (
        [x.split(":")[1].strip() for x in info.read_text().splitlines() if x.startswith("model name")]
        if info.exists()
        else []
    )
    return names[0] if names else platform.processor()


if __name__ == "__main__":
    sys.exit(main())
