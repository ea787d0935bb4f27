"""Which systems and which initial states an evaluation uses, frozen in a file that all methods share."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hyperdyn.envs.spec import SPLITS, Family
from hyperdyn.errors import HyperdynError, nearest
from hyperdyn.files import write_whole

FORMAT = 1
SYSTEMS = 64
"""Of each split of a family that brings no manifest; the first of them are the same however many there are."""
DRIFT = 1e-9
"""Relative difference up to which two factor values are the same (another platform's exponential)."""


@dataclass(frozen=True)
class Systems:
    """factors: [systems][F], physical units. starts: seed of each system's initial state."""

    factors: tuple[tuple[float, ...], ...]
    starts: tuple[int, ...]

    def first(self, n: int | None) -> tuple[NDArray[np.float64], list[int]]:
        """Factors [n,F] and starts of the first n systems, all for None."""
        count = len(self.starts) if n is None else n
        if count > len(self.starts):
            fix = "build a larger manifest, or ask for fewer systems"
            raise HyperdynError("the manifest has fewer systems", got=count, expected=f"<= {len(self.starts)}", fix=fix)
        return np.array(self.factors[:count]), list(self.starts[:count])


@dataclass(frozen=True)
class EvaluationManifest:
    """Systems of each split of a family.

    seed: `Family.draw` of this seed gives the systems, so training data collected from the same seed hold the `train`
        ones. Initial states have seeds of their own, that no collection uses.
    """

    family: str
    factor_names: tuple[str, ...]
    seed: int
    splits: Mapping[str, Systems]

    @classmethod
    def build(cls, family: Family, *, systems: int, seed: int, splits: Sequence[str] = SPLITS) -> EvaluationManifest:
        """Draw `systems` systems of each split."""
        drawn = {}
        for split in splits:
            factors = family.draw(split, systems, seed)
            rng = np.random.default_rng([seed, SPLITS.index(split), 2**32 - 1])
            starts = rng.integers(2**31, size=systems).tolist()
            drawn[split] = Systems(tuple(tuple(row) for row in factors.tolist()), tuple(starts))
        return cls(family.name, family.factor_names, seed, drawn)

    def systems(self, split: str, n: int | None = None) -> tuple[NDArray[np.float64], list[int]]:
        """Factors [n,F] and initial-state seeds of the first n systems of a split."""
        if split not in self.splits:
            raise HyperdynError("the manifest has no such split", got=split, fix=nearest(split, self.splits))
        return self.splits[split].first(n)

    @property
    def sha256(self) -> str:
        """Over everything that the manifest says."""
        return hashlib.sha256(json.dumps(self._content(), sort_keys=True).encode()).hexdigest()

    def save(self, path: Path | str) -> None:
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({**self._content(), "sha256": self.sha256}, indent=1)
        write_whole(path, f"{text}\n".encode())

    @classmethod
    def load(cls, path: Path | str) -> EvaluationManifest:
        """Raises HyperdynError where the file is missing or was changed since it was built."""
        path = Path(path)
        fix = "take it from version control again"
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            splits = {
                name: Systems(tuple(map(tuple, s["factors"])), tuple(s["starts"]))
                for name, s in content["splits"].items()
            }
            manifest = cls(content["family"], tuple(content["factor_names"]), content["seed"], splits)
            claimed = content["sha256"]
        except FileNotFoundError as error:
            raise HyperdynError(
                "no evaluation manifest", got=str(path), fix="EvaluationManifest.build(...).save(...)"
            ) from error
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise HyperdynError(f"{path} is not an evaluation manifest", got=repr(error), fix=fix) from error
        if claimed != manifest.sha256:
            raise HyperdynError(f"{path} was changed", got=f"sha256 {manifest.sha256}", expected=claimed, fix=fix)
        return manifest

    @classmethod
    def of(cls, family: Family) -> EvaluationManifest:
        """The manifest that comes with the package, for the families that have one; otherwise drawn afresh."""
        packaged = resources.files("hyperdyn.conf") / "evaluation" / f"{family.name}.json"
        if not packaged.is_file():
            return cls.build(family, systems=SYSTEMS, seed=0)
        with resources.as_file(packaged) as path:
            manifest = cls.load(path)
        manifest.check(family)
        return manifest

    def check(self, family: Family) -> None:
        """Raises HyperdynError where the family, as it is now, no longer draws these systems."""
        systems = max(len(s.starts) for s in self.splits.values())
        now = EvaluationManifest.build(family, systems=systems, seed=self.seed, splits=list(self.splits))
        same = (now.family, now.factor_names) == (self.family, self.factor_names)
        for name, own in self.splits.items():
            fresh = now.splits[name].factors[: len(own.factors)]
            same = same and bool(np.allclose(own.factors, fresh, rtol=DRIFT, atol=DRIFT))
        if not same:
            raise HyperdynError(
                f"the evaluation manifest of '{self.family}' is of another definition of this family",
                fix="restore the family's ranges, or build a new manifest and evaluate every method again",
            )

    def _content(self) -> dict[str, object]:
        splits = {name: {"factors": s.factors, "starts": s.starts} for name, s in self.splits.items()}
        names = list(self.factor_names)
        return {"format": FORMAT, "family": self.family, "factor_names": names, "seed": self.seed, "splits": splits}
