"""One shard file: its bytes, its arrays mapped into memory, and what can be wrong with it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import safetensors.numpy
from safetensors import SafetensorError, safe_open

from hyperdyn.errors import ShardError
from hyperdyn.shards.format import Fault, Header, ShardInfo, Trajectories


def shard_bytes(header: Header, name: str, factors: tuple[float, ...], data: Trajectories) -> bytes:
    """The file of one shard. Equal contents give equal bytes."""
    about = {"env_id": header.env_id, "factors": dict(zip(header.factor_names, factors, strict=True)), "shard": name}
    arrays = {"obs": data.obs, "action": data.action, "length": data.length}
    return safetensors.numpy.save(arrays, metadata={"hyperdyn": json.dumps(about, sort_keys=True)})


def digest(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def size_fault(path: Path, size: int) -> str | None:
    """What the file's size alone tells, which is what an interrupted copy or a full disk leaves."""
    if not path.is_file():
        return "the file is missing"
    found = path.stat().st_size
    return None if found == size else f"the file has {found} bytes, the manifest says {size}"


def views_fault(path: Path, info: ShardInfo) -> str | None:
    """The same of the file of views."""
    reason = size_fault(path, info.views_bytes)
    return None if reason is None else f"views: {reason}"


def find_fault(root: Path, info: ShardInfo) -> Fault | None:
    """Read the whole of the shard's files; None if they are what was written."""
    reason = _changed(root / info.file, info.bytes, info.sha256)
    if reason is None and info.views_bytes:
        reason = _changed(root / info.views_file, info.views_bytes, info.views_sha256)
        reason = None if reason is None else f"views: {reason}"
    return None if reason is None else Fault(info, reason)


def _changed(path: Path, size: int, sha256: str) -> str | None:
    reason = size_fault(path, size)
    if reason is None and digest(path) != sha256:
        reason = "the contents have changed since they were written (sha256 differs)"
    return reason


def map_shard(root: Path, info: ShardInfo, header: Header) -> Trajectories:
    """The shard's arrays, read from disk as they are touched. No file stays open.

    Raises:
        ShardError: the file is missing, truncated or no shard.
    """
    path = root / info.file
    reason = size_fault(path, info.bytes)
    if reason is None:
        try:
            with safe_open(path, framework="pt") as file:  # maps the file; the numpy framework would copy it
                obs, action, length = (file.get_tensor(name).numpy() for name in ("obs", "action", "length"))
        except SafetensorError as error:
            reason = f"not readable: {error}"
    if reason is None:
        E, L = len(info.lengths), info.steps
        expected = (E, L + 1, header.obs_dim), (E, L, header.action_dim), (E,)
        if (obs.shape, action.shape, length.shape) != expected or not np.array_equal(length, info.lengths):
            reason = f"arrays of shape {obs.shape}, {action.shape} do not fit the manifest"
    if reason is not None:
        raise damaged(root, [Fault(info, reason)])
    return Trajectories(obs, action, length)


def damaged(root: Path, faults: list[Fault]) -> ShardError:
    """The error that names bad shards and the way out."""
    names = "; ".join(map(str, faults[:5])) + (f"; and {len(faults) - 5} more" if len(faults) > 5 else "")
    return ShardError(
        f"{len(faults)} damaged shard{'s' if len(faults) > 1 else ''} in '{root}'",
        got=names,
        fix=f"hyperdyn verify {root} repair=true, then the same `hyperdyn collect` command makes them anew",
    )
