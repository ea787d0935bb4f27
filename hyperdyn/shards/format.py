"""What is on disk: the header of a collection, the record of one shard, and the arrays that a shard holds."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import PurePosixPath
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from hyperdyn.errors import ShapeError, ShardError

FORMAT_VERSION = 1
ACTION_SLACK = 1e-4
"""How far an action may leave [-1, 1]: rounding only."""

OPTIONAL = {"maker", "redrawn", "views_bytes", "views_sha256"}
"""Fields that a record need not have."""

_SPLIT = re.compile(r"[a-z][a-z0-9_]*")

ShardId = tuple[str, int, int]
"""(split, system, round). Round 0 is the first collection; later rounds hold data that a model's planner gathered."""


@dataclass(frozen=True)
class Header:
    """What all shards of one folder have in common.

    dt: seconds from one action to the next.
    collector: how the first of the data were made, in plain values.
    versions: package name to version.
    """

    env_id: str
    family: str
    factor_names: tuple[str, ...]
    obs_dim: int
    action_dim: int
    dt: float
    seed: int
    collector: Mapping[str, Any] = field(default_factory=dict)
    versions: Mapping[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        _check_fields(cls, values, "the header of a manifest")
        return cls(**{**values, "factor_names": tuple(values["factor_names"])})


@dataclass(frozen=True)
class ShardInfo:
    """The manifest's record of one shard: one system's episodes of one round.

    factors: [F] values in the order of the header's factor names.
    lengths: steps of each of the E episodes.
    steps: L, what the arrays have room for.
    maker: fingerprint of how the episodes were made, see `fingerprint`; empty if that is not known.
    redrawn: steps that the behaviour tried and did not keep, why to how many.
    views_bytes, views_sha256: of the file of views beside the shard; 0 and empty if there is none.
    """

    file: str
    split: str
    system: int
    round: int
    factors: tuple[float, ...]
    lengths: tuple[int, ...]
    steps: int
    bytes: int
    sha256: str
    maker: str = ""
    redrawn: Mapping[str, int] = field(default_factory=dict)
    views_bytes: int = 0
    views_sha256: str = ""

    @property
    def files(self) -> tuple[str, ...]:
        """The shard's own file, and that of its views if there is one."""
        return (self.file, self.views_file) if self.views_bytes else (self.file,)

    @property
    def views_file(self) -> str:
        return str(PurePosixPath(self.file).with_suffix(".views"))

    @property
    def id(self) -> ShardId:
        return self.split, self.system, self.round

    def to_json(self) -> dict[str, Any]:
        absent = () if self.views_bytes else ("views_bytes", "views_sha256")
        absent = absent if self.redrawn else (*absent, "redrawn")
        return {name: value for name, value in asdict(self).items() if name not in absent}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        _check_fields(cls, values, "a shard's record")
        return cls(**{**values, "factors": tuple(values["factors"]), "lengths": tuple(values["lengths"])})


@dataclass(frozen=True)
class Trajectories:
    """E episodes of one system. Rows past an episode's length are zero."""

    obs: NDArray[np.float32]  # [E,L+1,S]
    action: NDArray[np.float32]  # [E,L,A]
    length: NDArray[np.int32]  # [E] steps

    @property
    def steps(self) -> int:
        return int(self.length.sum())


@dataclass(frozen=True)
class Fault:
    """What `verify` found wrong with one shard."""

    info: ShardInfo
    reason: str

    def __str__(self) -> str:
        return f"{self.info.file}: {self.reason}"


def fingerprint(maker: Mapping[str, Any]) -> str:
    """16 hexadecimal digits that tell one way of making episodes, in plain values, from another."""
    return hashlib.sha256(json.dumps(maker, sort_keys=True).encode()).hexdigest()[:16]


def shard_file(split: str, system: int, round: int) -> str:
    """Path of a shard below the root of its collection."""
    return f"{split}/{system:05d}-{round:02d}.safetensors"


def check_id(split: str, system: int, round: int) -> None:
    """Raises ShardError unless the three make a file name that sorts and stays inside the folder."""
    if not _SPLIT.fullmatch(split):
        raise ShardError(
            "a split's name becomes a folder", got=repr(split), expected="lower-case letters, digits and _"
        )
    if system < 0 or round < 0:
        raise ShardError("systems and rounds count from 0", got=f"system {system}, round {round}")


def checked(
    header: Header, shard: str, factors: Sequence[float], obs: Any, action: Any, length: Any = None
) -> tuple[tuple[float, ...], Trajectories]:
    """Arrays as a shard stores them: float32, rows past an episode's length zero.

    Raises:
        ShapeError: shapes that do not fit each other or the header.
        ShardError: values that are not finite, or actions outside [-1, 1].
    """
    obs, action = np.array(obs, np.float32), np.array(action, np.float32)
    if obs.ndim != 3 or action.ndim != 3:
        raise ShapeError(f"{shard}: not episodes", got=f"{obs.shape}, {action.shape}", expected="[E,L+1,S], [E,L,A]")
    E, L, _ = action.shape
    expected = (E, L + 1, header.obs_dim), (E, L, header.action_dim)
    if (obs.shape, action.shape) != expected or E == 0 or L == 0:
        raise ShapeError(f"{shard}: obs and action do not fit", got=(obs.shape, action.shape), expected=expected)
    length = np.full(E, L, np.int32) if length is None else np.array(length, np.int32)
    if length.shape != (E,) or length.min() < 1 or length.max() > L:
        raise ShapeError(f"{shard}: episode lengths", got=length.tolist(), expected=f"{E} numbers from 1 to {L}")
    if len(factors) != len(header.factor_names):
        raise ShapeError(f"{shard}: factors", got=list(factors), expected=f"one of each: {list(header.factor_names)}")
    obs[np.arange(L + 1) > length[:, None]] = 0.0
    action[np.arange(L) >= length[:, None]] = 0.0
    _check_values(shard, factors, obs, action)
    return tuple(float(f) for f in factors), Trajectories(obs, action.clip(-1.0, 1.0), length)


def _check_values(shard: str, factors: Sequence[float], obs: NDArray[np.float32], action: NDArray[np.float32]) -> None:
    for name, values in (("factors", np.asarray(factors)), ("obs", obs), ("action", action)):
        bad = np.argwhere(~np.isfinite(values))
        if len(bad):
            raise ShardError(
                f"{shard}: {name} holds NaN or infinity",
                got=f"{len(bad)} values, the first at index {bad[0].tolist()}",
                fix="the simulation diverged: lower its time step, or narrow the factors of the family",
            )
    largest = float(np.abs(action).max())
    if largest > 1.0 + ACTION_SLACK:
        raise ShardError(
            f"{shard}: actions leave the box",
            got=f"|action| = {largest:g}",
            expected="actions in [-1, 1]",
            fix="scale the behaviour's actions to the box",
        )


def _check_fields(cls: type, values: Mapping[str, Any], what: str) -> None:
    expected = {f.name for f in fields(cls)}
    if not expected - OPTIONAL <= set(values) <= expected:
        raise ShardError(f"{what} has other fields", got=sorted(values), expected=sorted(expected))
