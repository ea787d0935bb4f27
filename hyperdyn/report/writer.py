"""`report.html`: one file that tells what a run was and what came of it, and opens anywhere."""

from __future__ import annotations

import platform
import shlex
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from omegaconf import OmegaConf

from hyperdyn.errors import HyperdynError
from hyperdyn.evaluate import summary
from hyperdyn.evaluate.results import CEILING, FLOOR, RESULTS, Results
from hyperdyn.figures.change import error_around_change
from hyperdyn.figures.scores import adaptation_curve, error_by_horizon, return_bars
from hyperdyn.figures.style import save
from hyperdyn.figures.training import read_metrics, training_curves
from hyperdyn.report import page
from hyperdyn.report.tables import horizons, tables, usual_history

REPORT = "report.html"
PACKAGES = ("hyperdyn", "torch", "lightning", "mujoco", "gymnasium", "numpy")


def write_report(
    run_dir: Path | str,
    *,
    beside: Sequence[Path | str] = (),
    entries: Sequence[str] = (),
    commands: Sequence[str] = (),
) -> Path:
    """Draw the figures that a run's files have data for and write its `report.html`; the path of that file.

    It shows what there is: a run that was trained and not yet evaluated has curves and no tables.

    beside: further run folders, whose results are compared with this one's.
    entries: names of an observation's entries; by default those in the run's configuration.
    commands: what to type to get all of it again; by default those that the run's configuration tells.

    Raises:
        HyperdynError: no such folder, or a damaged results file.
    """
    run = Path(run_dir)
    if not run.is_dir():
        raise HyperdynError("no run folder", got=str(run), fix="train first: hyperdyn train name=...")
    runs = [run, *map(Path, beside)]
    results = _results(runs)
    own = _draw(run, results)
    subtitle = f"{results.family if results else run.resolve().name} · written {datetime.now():%d %b %Y, %H:%M}"
    content = page.page(
        f"HyperDynamics: {run.resolve().name}",
        subtitle,
        [
            ("At a glance", page.tiles(_headlines(results)) if results else ""),
            ("Videos", page.gallery(_files(runs, "videos", ".gif"))),
            ("Results", _results_section(results, own, entries or _entries(run))),
            ("Rollouts and codes", _pictures(runs, own)),
            ("Training", "".join(page.picture(p, p.parent.parent.name) for p in _curves(runs))),
            ("How to reproduce", _reproduce(runs, commands)),
        ],
    )
    path = run / REPORT
    path.write_text(content, encoding="utf-8")
    return path


def _results(runs: Sequence[Path]) -> Results | None:
    """Those of all runs together."""
    found = [Results.load(r / RESULTS) for r in runs if (r / RESULTS).exists()]
    if not found:
        return None
    together = found[0]
    for other in found[1:]:
        together = together.merged(other)
    return together


def _draw(run: Path, results: Results | None) -> list[Path]:
    """Figures of the results, in run/figures."""
    folder, drawn = run / "figures", []
    if results and results.planning:
        drawn.append(save(return_bars(results), folder / "returns.png"))
    if results and results.prediction:
        for h in horizons(results):
            drawn.append(save(adaptation_curve(results, h), folder / f"adaptation_{h}.png"))
        drawn.append(save(error_by_horizon(results, usual_history(results)), folder / "error_by_horizon.png"))
    if results and results.change:
        drawn.append(save(error_around_change(results), folder / "change.png"))
    return drawn


def _curves(runs: Sequence[Path]) -> list[Path]:
    drawn = []
    for run in runs:
        curves = read_metrics(run / "metrics.csv") if (run / "metrics.csv").exists() else {}
        if curves:
            drawn.append(save(training_curves(curves), run / "figures" / "training.png"))
    return drawn


def _headlines(results: Results) -> list[tuple[str, str]]:
    """The numbers that a reader looks for first."""
    tiles = []
    split = "interpolation"
    methods = [m for m in summary.methods_of(results.prediction) if m != "oracle"]
    if methods and split in summary.splits_of(results.prediction):
        k = usual_history(results)
        method = "hyper" if "hyper" in methods else methods[0]
        for h in horizons(results):
            found = summary.prediction(results, method, split, k, h)
            if found:
                steps = "1 step" if h == 1 else f"{h} steps"
                about = f"NRMSE {steps} ahead of {method} on {found.systems} unseen systems, K = {k}"
                tiles.append((f"{found.interval.value:.3f}", about))
    for method in summary.methods_of(results.planning):
        share = summary.share_of_ceiling(results, method, split)
        if share is not None and method not in (FLOOR, CEILING):
            tiles.append(
                (f"{round(100 * share)} %", f"of the simulator's return, planning with {method} on unseen systems")
            )
    return tiles


def _results_section(results: Results | None, figures: Sequence[Path], entries: Sequence[str]) -> str:
    if results is None:
        return ""
    shown = tables(results, entries)
    body = "".join(page.picture(p) for p in figures)
    long = shown.pop() if results.prediction else None
    body += "".join(page.table(t) for t in shown)
    return body + (page.folded(long.title, page.table(long)) if long else "")


def _pictures(runs: Sequence[Path], drawn: Sequence[Path]) -> str:
    taken = {p.name for p in drawn} | {"training.png"}
    return page.gallery([p for p in _files(runs, "figures", ".png") if p.name not in taken])


def _files(runs: Sequence[Path], folder: str, suffix: str) -> list[Path]:
    return [p for run in runs for p in sorted((run / folder).glob(f"*{suffix}"))]


def _reproduce(runs: Sequence[Path], commands: Sequence[str]) -> str:
    configs = [run / "config.yaml" for run in runs if (run / "config.yaml").exists()]
    lines = list(commands)
    if configs and not lines:
        names = " ".join(str(c.parent) for c in configs)
        lines = [f"hyperdyn train {_choices(c)}" for c in configs]
        lines += [f"hyperdyn {command} {names}" for command in ("evaluate", "plan", "report")]
    body = [page.code("\n".join(lines))] if lines else []
    for config in configs:
        text = page.code(config.read_text(encoding="utf-8"))
        body.append(page.folded(f"every setting of {config.parent.name} (config.yaml)", text))
    body.append(page.code("\n".join(f"{name} {_version(name)}" for name in PACKAGES) + f"\n{_machine()}"))
    return "".join(body)


def _entries(run: Path) -> list[str]:
    config = run / "config.yaml"
    found = OmegaConf.select(OmegaConf.load(config), "env.entries") if config.exists() else None
    return [str(name) for name in found or []]


def _choices(config: Path) -> str:
    """The overrides of a run, as a shell takes them."""
    return " ".join(shlex.quote(str(text)) for text in OmegaConf.select(OmegaConf.load(config), "overrides") or [])


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"


def _machine() -> str:
    return f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
