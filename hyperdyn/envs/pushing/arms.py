"""Robot arms of PyBullet's data that carry the cylinder along the same straight line, by inverse kinematics."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from xml.etree import ElementTree

import numpy as np

from hyperdyn.envs.pushing.pushes import Array, Push
from hyperdyn.envs.pushing.scales import TIME_STEP, TOOL_LENGTH, TOOL_RADIUS
from hyperdyn.envs.pushing.tools import AWAY, COLOUR, FRICTION, HEIGHT, AbstractTool
from hyperdyn.extras import optional

DOWN = (1.0, 0.0, 0.0, 0.0)
"""The orientation in which the flange's axis, and with it the cylinder's, points to the table."""

MASS = 0.1  # [kg] of the cylinder
GAIN = 0.3
"""Share of a joint's error that its motor takes away in one step."""

SEARCHES, FOUND = 300, 1e-4
"""Rounds of inverse kinematics from home to the start of a push, and the distance [m] that is near enough."""

REACHED = 1e-3
"""[m] from a point of the line to where the joints can bring the cylinder, up to which the point is in reach."""

LEAP = 0.1
"""[rad] a joint turns in one step at most; more is another solution of the inverse kinematics."""


@dataclass(frozen=True)
class Model:
    """One arm.

    urdf: its file below `pybullet_data`.
    flange: the link that carries the cylinder; links beyond it are left away.
    reach: from the flange's origin along its axis to where the cylinder begins [m].
    base: where the arm stands [m].
    home: joints [rad] above the table, where inverse kinematics starts.
    """

    urdf: str
    flange: str
    reach: float
    base: tuple[float, float, float]
    home: tuple[float, ...]


KUKA = Model("kuka_iiwa/model.urdf", "lbr_iiwa_link_7", 0.045, (-0.55, 0.0, 0.0), (0.0, 0.5, 0.0, -1.5, 0.0, 1.1, 0.0))
PANDA = Model("franka_panda/panda.urdf", "panda_link8", 0.0, (-0.5, 0.0, 0.0), (0.0, -0.4, 0.0, -2.3, 0.0, 1.9, 0.8))


class Arm(AbstractTool):
    """An arm whose motors follow the joint angles of the line, with the limits of their torques.

    Its links touch nothing: what the object meets is the cylinder alone. A push whose line is not all in reach (about
    0.35 to 0.8 m from the base) is left out, and the object stays where it is.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._files = TemporaryDirectory(prefix="hyperdyn-arm-")
        for visible in (False, True):
            self._file(visible).write_text(described(model, visible))

    def build(self, bullet: Any, visible: bool) -> None:
        self.bullet = bullet
        self.body = bullet.loadURDF(
            str(self._file(visible)),
            basePosition=self.model.base,
            useFixedBase=True,
            flags=bullet.URDF_USE_INERTIA_FROM_FILE,
        )
        links = [bullet.getJointInfo(self.body, i) for i in range(bullet.getNumJoints(self.body))]
        turning = [link for link in links if link[2] == bullet.JOINT_REVOLUTE]
        self.joints, self.torques = [joint[0] for joint in turning], [joint[10] for joint in turning]
        self.low, self.high = (np.array([joint[i] for joint in turning]) for i in (8, 9))
        self.tool = next(link[0] for link in links if link[12] == b"tool")
        bullet.changeDynamics(self.body, self.tool, lateralFriction=FRICTION, restitution=1.0)
        self._stand(np.array(self.model.home))

    def come_down(self, push: Push) -> bool:
        way = self._way(push)
        if way is None:
            self.lift()
            return False
        self.way = way
        self._stand(way[0], (way[1] - way[0]) / TIME_STEP)
        return True

    def drive(self, push: Push, step: int) -> None:
        after, before = self.way[step + 1], self.way[step]
        self.bullet.setJointMotorControlArray(
            self.body,
            self.joints,
            self.bullet.POSITION_CONTROL,
            targetPositions=before.tolist(),  # where it should be now; the speeds take it on
            targetVelocities=((after - before) / TIME_STEP).tolist(),
            forces=self.torques,
            positionGains=[GAIN] * len(self.joints),
            velocityGains=[1.0] * len(self.joints),
        )

    def lift(self) -> None:
        x, y, z = self.model.base
        self.bullet.resetBasePositionAndOrientation(self.body, (x, y, z + AWAY), (0, 0, 0, 1))

    def position(self) -> Array:
        return np.array(self.bullet.getLinkState(self.body, self.tool, computeForwardKinematics=True)[0][:2])

    def bodies(self) -> tuple[int, ...]:
        return (self.body,)

    def contact(self) -> tuple[int, int]:
        return self.body, self.tool

    def close(self) -> None:
        self._files.cleanup()

    def _file(self, visible: bool) -> Path:
        return Path(self._files.name, f"arm{int(visible)}.urdf")

    def _way(self, push: Push) -> Array | None:
        """Joint angles [steps+1,joints] at the start and after each step, None if one is out of reach.

        Leaves the arm anywhere.
        """
        angles = np.array(self.model.home)
        way = []
        for n in range(push.steps + 1):
            place = np.array([*(push.start + (push.end - push.start) * n / push.steps), HEIGHT])
            found = self._solved(angles, place, 1 if n else SEARCHES)
            if found is None or (n and np.abs(found - angles).max() > LEAP):
                return None
            angles = found
            way.append(angles)
        return np.array(way)

    def _solved(self, angles: Array, place: Array, rounds: int) -> Array | None:
        """Joint angles that put the cylinder's middle at [3] [m], from others nearby on."""
        self._stand(angles)
        for _ in range(rounds):
            angles = np.array(
                self.bullet.calculateInverseKinematics(
                    self.body, self.tool, place, DOWN, maxNumIterations=20, residualThreshold=1e-6
                )
            )
            self._stand(angles)
            at = self.bullet.getLinkState(self.body, self.tool, computeForwardKinematics=True)[0]
            error = float(np.linalg.norm(np.array(at) - place))
            if error < FOUND:
                break
        free = (angles > self.low).all() and (angles < self.high).all()
        return angles if error < REACHED and free else None

    def _stand(self, angles: Array, speeds: Array | None = None) -> None:
        speeds = np.zeros(len(angles)) if speeds is None else speeds
        for joint, angle, speed in zip(self.joints, angles, speeds, strict=True):
            self.bullet.resetJointState(self.body, joint, angle, speed)


def described(model: Model, visible: bool) -> str:
    """The arm's description with the cylinder at its flange, its links bare of what could touch or, unless visible, be
    seen."""
    path = Path(optional("pybullet_data", "an arm").getDataPath(), model.urdf)
    robot = ElementTree.parse(path).getroot()
    _cut(robot, model.flange)
    for link in robot.findall("link"):
        for part in [*link.findall("collision"), *([] if visible else link.findall("visual"))]:
            link.remove(part)
        for mesh in link.iter("mesh"):
            mesh.set("filename", str(path.parent / mesh.get("filename", "").removeprefix("package://")))
    robot.extend(_cylinder(model))
    return ElementTree.tostring(robot, encoding="unicode")


def _cut(robot: ElementTree.Element, flange: str) -> None:
    """Remove every link beyond the flange."""
    joints = [(joint, _end(joint, "parent"), _end(joint, "child")) for joint in robot.findall("joint")]
    beyond = {flange}
    while more := {child for _, parent, child in joints if parent in beyond} - beyond:
        beyond |= more
    for joint, parent, _ in joints:
        if parent in beyond:
            robot.remove(joint)
    for link in robot.findall("link"):
        if link.get("name") in beyond - {flange}:
            robot.remove(link)


def _end(joint: ElementTree.Element, name: str) -> str:
    """The link at one end of a joint, parent or child."""
    end = joint.find(name)
    assert end is not None
    return end.get("link", "")


def _cylinder(model: Model) -> ElementTree.Element:
    """The link of the cylinder, its frame in its middle, and the joint that holds it."""
    shape = f'<geometry><cylinder radius="{TOOL_RADIUS}" length="{TOOL_LENGTH}"/></geometry>'
    moment = MASS * (3 * TOOL_RADIUS**2 + TOOL_LENGTH**2) / 12
    inertia = f'ixx="{moment}" iyy="{moment}" izz="{MASS * TOOL_RADIUS**2 / 2}" ixy="0" ixz="0" iyz="0"'
    colour = " ".join(map(str, COLOUR))
    return ElementTree.fromstring(
        f"""<robot>
        <link name="tool">
          <inertial><mass value="{MASS}"/><inertia {inertia}/></inertial>
          <visual>{shape}<material name="tool"><color rgba="{colour}"/></material></visual>
          <collision>{shape}</collision>
        </link>
        <joint name="tool_joint" type="fixed">
          <parent link="{model.flange}"/><child link="tool"/>
          <origin xyz="0 0 {model.reach + TOOL_LENGTH / 2}"/>
        </joint>
        </robot>"""
    )
