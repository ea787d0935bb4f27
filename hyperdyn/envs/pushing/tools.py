"""What pushes: a cylinder upright over the table, driven along a straight line."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, final

import numpy as np

from hyperdyn.envs.pushing.pushes import Array, Push
from hyperdyn.envs.pushing.rotations import about_z
from hyperdyn.envs.pushing.scales import TOOL_CLEARANCE, TOOL_LENGTH, TOOL_RADIUS

AWAY = 10.0
"""[m] over the table where a tool waits that is not at work."""

FRICTION = 0.5
"""Sliding friction of the tool, to be multiplied by the object's."""

HEIGHT = TOOL_CLEARANCE + TOOL_LENGTH / 2
"""[m] of the middle of the tool at work."""

COLOUR = (0.25, 0.25, 0.28, 1.0)


class AbstractTool(ABC):
    """One way to move the cylinder. It lives in one client, and is built anew whenever the scene is.

    anywhere: it works alike at every place and in every direction.
    """

    anywhere: ClassVar[bool] = False

    @abstractmethod
    def build(self, bullet: Any, visible: bool) -> None:
        """Put it into an empty scene, out of the way."""

    @abstractmethod
    def come_down(self, push: Push) -> bool:
        """Stand at the start of a push, at its speed; False, and out of the way, if its line is out of reach."""

    @abstractmethod
    def drive(self, push: Push, step: int) -> None:
        """Called before physics step `step` of the push."""

    @abstractmethod
    def lift(self) -> None:
        """Leave the table at once."""

    @abstractmethod
    def position(self) -> Array:
        """Where the tool's axis is now, (x, y) [m]."""

    @abstractmethod
    def bodies(self) -> tuple[int, ...]:
        """Bodies of the scene that it consists of."""

    @abstractmethod
    def contact(self) -> tuple[int, int]:
        """Body and link of the cylinder."""

    @abstractmethod
    def close(self) -> None:
        """Let go of what it holds outside of the scenes."""


@final
class Cylinder(AbstractTool):
    """Nothing but the cylinder, on a rail along the line: its motor holds the speed, whatever it pushes."""

    anywhere = True
    MASS = 1.0  # [kg]
    FORCE = 1e4  # [N]

    def build(self, bullet: Any, visible: bool) -> None:
        self.bullet = bullet
        shape = bullet.createCollisionShape(bullet.GEOM_CYLINDER, radius=TOOL_RADIUS, height=TOOL_LENGTH)
        seen = -1
        if visible:
            seen = bullet.createVisualShape(
                bullet.GEOM_CYLINDER, radius=TOOL_RADIUS, length=TOOL_LENGTH, rgbaColor=COLOUR
            )
        self.body = bullet.createMultiBody(
            0,
            -1,
            basePosition=(0, 0, AWAY),
            linkMasses=[self.MASS],
            linkCollisionShapeIndices=[shape],
            linkVisualShapeIndices=[seen],
            linkPositions=[(0, 0, 0)],
            linkOrientations=[(0, 0, 0, 1)],
            linkInertialFramePositions=[(0, 0, 0)],
            linkInertialFrameOrientations=[(0, 0, 0, 1)],
            linkParentIndices=[0],
            linkJointTypes=[bullet.JOINT_PRISMATIC],
            linkJointAxis=[(1, 0, 0)],
        )
        bullet.changeDynamics(self.body, 0, lateralFriction=FRICTION, restitution=1.0, linearDamping=0, jointDamping=0)

    def come_down(self, push: Push) -> bool:
        x, y = push.start
        self.bullet.resetBasePositionAndOrientation(self.body, (x, y, HEIGHT), about_z(push.angle))
        self.bullet.resetJointState(self.body, 0, 0.0, push.speed)
        self.bullet.setJointMotorControl2(
            self.body, 0, self.bullet.VELOCITY_CONTROL, targetVelocity=push.speed, force=self.FORCE
        )
        return True

    def drive(self, push: Push, step: int) -> None:
        """The motor does it."""

    def lift(self) -> None:
        self.bullet.resetBasePositionAndOrientation(self.body, (0, 0, AWAY), (0, 0, 0, 1))
        self.bullet.resetJointState(self.body, 0, 0.0, 0.0)
        self.bullet.setJointMotorControl2(self.body, 0, self.bullet.VELOCITY_CONTROL, targetVelocity=0.0, force=1.0)

    def position(self) -> Array:
        return np.array(self.bullet.getLinkState(self.body, 0, computeForwardKinematics=True)[0][:2])

    def bodies(self) -> tuple[int, ...]:
        return (self.body,)

    def contact(self) -> tuple[int, int]:
        return self.body, 0

    def close(self) -> None:
        """It holds nothing."""
