"""Run folders that a command was pointed at."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from glob import glob
from pathlib import Path

from omegaconf import DictConfig, OmegaConf

from hyperdyn.checkpoint import CHECKPOINTS, load
from hyperdyn.errors import CheckpointError, HyperdynError
from hyperdyn.evaluate.results import RESULTS, MethodFacts, Results
from hyperdyn.files import locked
from hyperdyn.models.base import AbstractDynamics


@dataclass(frozen=True)
class Run:
    """One trained run: its folder, the configuration it was trained with, and its model in evaluation mode."""

    path: Path
    cfg: DictConfig
    model: AbstractDynamics

    def facts(self, **found: float | None) -> MethodFacts:
        """What the method costs: what is known of it, and what was found now."""
        known = Results.load(self._file).methods if self._file.exists() else ()
        facts = next((f for f in known if f.method == self.cfg.method), MethodFacts(self.cfg.method))
        parameters = sum(p.numel() for p in self.model.parameters())
        executed, note = tuple(self.model.executed_sizes), self.model.note or facts.note
        return replace(facts, executed=executed, parameters=parameters, note=note, **found)  # type: ignore[arg-type]

    def keep(self, results: Results) -> None:
        """Add results to those of the folder."""
        keep(self.path, results)

    @property
    def _file(self) -> Path:
        return self.path / RESULTS


def keep(folder: Path, results: Results) -> None:
    """Add results to the results.json of a run folder; several processes may at once."""
    file = folder / RESULTS
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder):
        (Results.load(file).merged(results) if file.exists() else results).save(file)


def folders(patterns: str | Sequence[str]) -> list[Path]:
    """Existing run folders that the patterns match, in order.

    Raises:
        HyperdynError: one matches nothing.
    """
    found: list[Path] = []
    for pattern in [patterns] if isinstance(patterns, str) else patterns:
        matches = [Path(pattern)] if Path(pattern).is_dir() else [Path(p) for p in sorted(glob(pattern))]
        matches = [p for p in matches if p.is_dir()]
        if not matches:
            there = ", ".join(str(p.parent) for p in sorted(Path("runs").glob("**/config.yaml"))[:10])
            raise HyperdynError("no run folder", got=pattern, fix=f"there are: {there}" if there else "train first")
        found += [p for p in matches if p not in found]
    return found


def trained(patterns: str | Sequence[str], checkpoint: str, trust: Sequence[str]) -> Iterator[Run]:
    """Each run that the patterns match, loaded.

    Raises:
        CheckpointError: a folder that no training left, or without that checkpoint.
    """
    for path in folders(patterns):
        file = path / "config.yaml"
        if not file.is_file():
            raise CheckpointError(f"'{path}' is no run folder", expected="config.yaml in it", fix="hyperdyn train")
        cfg = OmegaConf.load(file)
        assert isinstance(cfg, DictConfig)
        yield Run(path, cfg, load(path / CHECKPOINTS / checkpoint, trust=list(trust)))


def together(results: Sequence[Results]) -> Results:
    """All of them in one; at least one."""
    merged = results[0]
    for other in results[1:]:
        merged = merged.merged(other)
    return merged
