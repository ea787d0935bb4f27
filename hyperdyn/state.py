"""What an observation is made of: the roles of its entries, and the object in whose frame it is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from hyperdyn.errors import ConfigError


@dataclass(frozen=True)
class Frame:
    """An object that moves in the plane, in whose own frame a network sees the world and predicts.

    A scene that is moved and turned as a whole is then the same scene to every method.

    position: the two entries of an observation that say where it is [m].
    heading: the entry that says which way it points [rad]; it goes on past pi.
    directions: entries of an action that are directions of the world, in units of pi [rad].
    mirrored, mirrored_factors: entries of an action beside the directions, and factors, that change their sign when the
        scene is seen in a mirror.
    outline: entries of an observation that give its radius [m] at equal angles counter-clockwise from its front.
    """

    position: tuple[int, int]
    heading: int
    directions: tuple[int, ...] = ()
    mirrored: tuple[int, ...] = ()
    mirrored_factors: tuple[int, ...] = ()
    outline: tuple[int, ...] = ()


@dataclass(frozen=True)
class StateSpec:
    """What an observation is made of, as far as a model must know.

    obs_dim, action_dim: S and A.
    drop: entries that no law of motion depends on (a position on an endless floor); predicted, never an input.
    angles: entries in radians that a network sees as sine and cosine.
    constant: entries that no action changes (a goal, a wall); carried along, never predicted.
    frame: of the object that moves, if it is to be seen in its own; takes its position and heading from the input.
    """

    obs_dim: int
    action_dim: int
    drop: tuple[int, ...] = ()
    angles: tuple[int, ...] = ()
    constant: tuple[int, ...] = ()
    frame: Frame | None = None

    def __post_init__(self) -> None:
        moving = () if self.frame is None else (*self.frame.position, self.frame.heading)
        outline = () if self.frame is None else self.frame.outline
        commands = () if self.frame is None else (*self.frame.directions, *self.frame.mirrored)
        for what, entries, size in (
            ("drop", self.drop, self.obs_dim),
            ("angles", self.angles, self.obs_dim),
            ("constant", self.constant, self.obs_dim),
            ("frame", (*moving, *outline), self.obs_dim),
            ("actions of frame", commands, self.action_dim),
        ):
            if any(not 0 <= i < size for i in entries):
                raise ConfigError(f"state: {what} names entries", got=entries, expected=f"from 0 to {size - 1}")
        clash = set(moving) & {*self.drop, *self.angles, *self.constant}
        if clash:
            raise ConfigError(
                "state: an entry of the frame has another role", got=sorted(clash), fix="leave it in frame alone"
            )

    @classmethod
    def of(cls, fields: Mapping[str, Any]) -> Self:
        """From plain containers, such as `dataclasses.asdict` and YAML make.

        Raises:
            TypeError: a field that there is not, or one that is missing.
        """
        frame = fields.get("frame")
        if isinstance(frame, Mapping):
            given: dict[str, Any] = {k: tuple(v) if isinstance(v, (list, tuple)) else v for k, v in frame.items()}
            frame = Frame(**given)
        plain: dict[str, Any] = {k: tuple(v) if isinstance(v, (list, tuple)) else v for k, v in fields.items()}
        return cls(**{**plain, "frame": frame})

    @property
    def plain(self) -> tuple[int, ...]:
        """Entries of an observation that are an input as they are."""
        seen_otherwise = {*self.drop, *self.angles}
        if self.frame is not None:
            seen_otherwise |= {*self.frame.position, self.frame.heading}
        return tuple(i for i in range(self.obs_dim) if i not in seen_otherwise)

    @property
    def changing(self) -> tuple[int, ...]:
        """Entries of an observation that are predicted."""
        return tuple(i for i in range(self.obs_dim) if i not in self.constant)

    @property
    def change_dim(self) -> int:
        return self.obs_dim - len(self.constant)

    @property
    def feature_dim(self) -> int:
        return len(self.plain) + 2 * len(self.angles)

    @property
    def input_dim(self) -> int:
        return self.feature_dim + self.action_dim + (0 if self.frame is None else len(self.frame.directions))
