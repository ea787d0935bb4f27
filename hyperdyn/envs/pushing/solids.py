"""An object with mass: where its centre of mass is, and how PyBullet holds it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from hyperdyn.envs.pushing import rotations
from hyperdyn.envs.pushing.bodies import Array, Body
from hyperdyn.envs.pushing.objects import object_of
from hyperdyn.errors import ConfigError

LIMITS = {
    "shape": (0.0, 1e9),
    "mass": (1e-3, 1e2),
    "friction": (0.0, 10.0),
    "com_x": (-0.7, 0.7),
    "com_y": (-0.7, 0.7),
    "scale": (0.1, 1.5),
    "restitution": (0.0, 1.0),
}
"""Lowest and highest value of each property. Larger objects would reach to where the tool comes down."""


@dataclass(frozen=True)
class Properties:
    """The hidden factors of one object.

    shape: its number, see `objects`; the integer part counts.
    mass: [kg].
    friction: sliding friction of object and table.
    com_x, com_y: how far the centre of mass is from the origin, which lies under the middle of its volume, as a share
        of the object's radius. Of an object that tips over as it is laid down (about one in a hundred), as it was laid.
    scale: of all its lengths.
    restitution: of object and tool.

    Raises:
        ConfigError: a value that no object can have.
    """

    shape: float = 1.0
    mass: float = 0.15
    friction: float = 0.55
    com_x: float = 0.0
    com_y: float = 0.0
    scale: float = 1.0
    restitution: float = 0.2

    def __post_init__(self) -> None:
        for name, (low, high) in LIMITS.items():
            if not low <= getattr(self, name) <= high:  # not so for NaN
                raise ConfigError(f"no object has such a {name}", got=getattr(self, name), expected=f"{low} to {high}")


@dataclass(frozen=True)
class Solid:
    """A body in its own frame, standing on the table, with its mass.

    The frame of the object has its origin on the table under the middle of the volume. PyBullet's has it in the centre
    of mass and its axes along the principal axes of inertia; a pose of one is turned into one of the other.
    """

    body: Body
    centre: Array  # [3] centre of mass in the object's frame [m]
    axes: Array  # [4] quaternion of the principal axes in the object's frame
    inertia: Array  # [3] principal moments of one kilogram [m^2]

    @classmethod
    def of(cls, properties: Properties) -> Solid:
        """The object with these properties, as it was laid down.

        The inertia is that of the evenly filled body about its own middle; the offset of the centre of mass leaves it
        as it is.
        """
        body = object_of(int(properties.shape)).moved(scale=properties.scale)
        middle, tensor = body.mass_properties()
        offset = body.radius * np.array([properties.com_x, properties.com_y, 0.0])
        moments, axes = np.linalg.eigh(tensor)
        axes[:, 2] *= np.sign(np.linalg.det(axes))
        return cls(body, middle + offset, rotations.of_matrix(axes), moments)

    def settled(self, position: Array, quaternion: Array) -> Solid:
        """The same solid in the frame that it has when it rests at this pose, its heading and place left out."""
        level = rotations.product(rotations.about_z(-rotations.heading(quaternion)), quaternion)
        turn = rotations.matrix(level)
        body = self.body.moved(rotation=turn, shift=np.array([0.0, 0.0, position[2]]))
        middle, _ = body.mass_properties()
        aside = -np.array([middle[0], middle[1], 0.0])
        centre = turn @ self.centre + np.array([0.0, 0.0, position[2]]) + aside
        return Solid(body.moved(shift=aside), centre, rotations.product(level, self.axes), self.inertia)

    def held(self) -> Body:
        """The body in PyBullet's frame."""
        turn = rotations.matrix(self.axes).T
        return self.body.moved(shift=-self.centre).moved(rotation=turn)

    def to_bullet(self, position: Array, quaternion: Array) -> tuple[Array, Array]:
        """PyBullet's pose of the object at this pose of its frame."""
        return position + rotations.matrix(quaternion) @ self.centre, rotations.product(quaternion, self.axes)

    def from_bullet(self, position: Array, quaternion: Array) -> tuple[Array, Array]:
        """The inverse of `to_bullet`."""
        turned = rotations.product(quaternion, rotations.inverse(self.axes))
        return position - rotations.matrix(turned) @ self.centre, turned
