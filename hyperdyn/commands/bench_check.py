"""`hyperdyn bench-check`: are published results what they claim to be?"""

from __future__ import annotations

from glob import glob
from pathlib import Path

from omegaconf import DictConfig

from hyperdyn.bench.check import faults
from hyperdyn.errors import HyperdynError


def run(cfg: DictConfig) -> None:
    """Check each file and name all of its faults.

    Raises:
        HyperdynError: there are faults, or a pattern matches no file.
    """
    patterns = [cfg.files] if isinstance(cfg.files, str) else list(cfg.files)
    bad = total = 0
    for pattern in patterns:
        files = [pattern] if Path(pattern).is_file() else sorted(glob(pattern))
        if not files:
            raise HyperdynError("no such file", got=pattern, fix="the files in results/<suite>/ that end in .json")
        for file in files:
            found = faults(file)
            total, bad = total + 1, bad + bool(found)
            print(f"{file}: {'as it should be' if not found else f'{len(found)} faults'}")
            for fault in found:
                print(f"  {fault}")
    if bad:
        raise HyperdynError("published results have faults", got=f"{bad} of {total} files", fix="see above")
