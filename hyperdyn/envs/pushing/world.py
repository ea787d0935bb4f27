"""One object on a table in a PyBullet client of its own: what a push does to it, and what it looks like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from hyperdyn.envs.pushing import board, renderers, rotations, scales
from hyperdyn.envs.pushing.bullet import Client
from hyperdyn.envs.pushing.cameras import OBJECT, OBSTACLE, TABLE, TOOL, Camera, Images, photograph
from hyperdyn.envs.pushing.pushes import Array, Push, push_of
from hyperdyn.envs.pushing.solids import Properties, Solid
from hyperdyn.envs.pushing.tools import AbstractTool, Cylinder

GRAVITY = 9.81  # [m/s^2]
ROLLING = 5e-4  # [m] rolling friction of the object
SPINNING = 2e-3  # [m] spinning friction of the object at each of its contacts
TOUCH = 5e-4  # [m] of distance at which two bodies count as touching
LOOK = 4
"""Steps of the physics between two looks whether the object rests, how it turns, or the tool has sunk into it."""

Watch = Callable[[Array, Array], None]
"""Called every LOOK steps with the (x, y, yaw) of the object and the (x, y) of the tool, NaN once it is lifted."""

COLOURS = {TABLE: (0.75, 0.72, 0.68, 1.0), OBJECT: (0.85, 0.33, 0.2, 1.0), OBSTACLE: (0.2, 0.35, 0.7, 1.0)}


@dataclass(frozen=True)
class Scene:
    """The object's pose in its own frame, and the obstacles that are there [n,2] [m]."""

    position: Array  # [3] [m]
    quaternion: Array  # [4]
    obstacles: Array  # [n,2] [m]

    @property
    def stands(self) -> bool:
        """Whether the object is level and on the table."""
        return bool(self.position[2] == 0.0 and not self.quaternion[:2].any())

    def moved(self, shift: Array, turn: float) -> Scene:
        """The scene shifted by [2], then turned about the origin [rad]."""
        position = np.array([*rotations.turned(self.position[:2] + shift, turn), self.position[2]])
        quaternion = rotations.product(rotations.about_z(turn), self.quaternion)
        if self.stands and abs(rotations.heading(quaternion)) < 1e-12:
            quaternion = rotations.about_z(0.0)  # the last bit would be the beginning of another course
        return Scene(position, quaternion, rotations.turned(self.obstacles + shift, turn))


@dataclass(frozen=True)
class Outcome:
    """What a push did.

    touched: object or tool met an obstacle.
    rested: the object came to rest before the limit.
    stands: it rests level, as it was laid down.
    turned: how far the object has turned about the vertical [rad], past pi if it spun on: its spin, summed up, so that
        it tells the number of turns, and the quaternion the rest.
    sunk: deepest overlap of tool and object at any look [m].
    """

    position: Array  # [3] [m]
    quaternion: Array  # [4]
    touched: bool
    rested: bool
    stands: bool
    turned: float
    sunk: float
    steps: int


class World:
    """One system. A push is a function of the scene and the action alone: every one has a new simulation, so that no
    cached contact of an earlier one is left. Measured: pushes that share a simulation differ in the last bits.

    It is simulated in the object's own frame, where it lies and points at the start, unless the tool stands somewhere:
    the table is the same everywhere. PyBullet's friction and contact points favour directions of its world, so that the
    same scene, turned, would otherwise end 6 mm (root mean square) apart after pushes of 60 mm.

    renderer: who draws, one of `renderers.RENDERERS`.
    solid: the object as it rests; the pose of a scene is that of its frame, at height 0 and level when it stands.
    """

    def __init__(self, properties: Properties, tool: AbstractTool | None = None, renderer: str = "tiny") -> None:
        self.bullet = Client()
        self.properties, self.renderer = properties, renderer
        self.tool = Cylinder() if tool is None else tool
        self._files = TemporaryDirectory(prefix="hyperdyn-pushing-")
        self._board = str(Path(self._files.name, "board.obj"))
        Path(self._board).write_text(board.as_obj())
        self.solid = self._settle(Solid.of(properties))
        self.outline = self.solid.body.outline(scales.OUTLINE)

    def push(self, scene: Scene, action: Array, watch: Watch | None = None) -> Outcome:
        """What the action [4] does to the object in this scene, and who watches it."""
        push = push_of(scene.position[:2], action)
        if not self.tool.anywhere:
            return self._simulate(scene, push, watch)
        place, heading = scene.position[:2], rotations.heading(scene.quaternion)

        def seen(pose: Array, tool: Array) -> None:
            assert watch is not None
            xy = rotations.turned(np.stack([pose[:2], tool]), heading) + place
            watch(np.array([*xy[0], pose[2] + heading]), xy[1])

        inside = scene.moved(-place, -heading), push.moved(-place, -heading)
        there = self._simulate(*inside, None if watch is None else seen)
        position = np.array([*rotations.turned(there.position[:2], heading) + place, there.position[2]])
        if there.stands:
            quaternion = rotations.about_z(heading + rotations.heading(there.quaternion))
        else:
            quaternion = rotations.product(rotations.about_z(heading), there.quaternion)
        return replace(there, position=position, quaternion=quaternion)

    def _simulate(self, scene: Scene, push: Push, watch: Watch | None = None) -> Outcome:
        self._build(scene)
        if not self.tool.come_down(push):
            return Outcome(scene.position, scene.quaternion, False, True, scene.stands, 0.0, 0.0, 0)
        touched = push.meets(scene.obstacles)
        sunk = turned = 0.0
        for n in range(push.steps):
            self.tool.drive(push, n)
            touched = self._step() or touched
            if n % LOOK == 0:
                sunk, turned = max(sunk, self._overlap()), turned + self._spin()
                self._show(watch, self.tool.position())
        sunk = max(sunk, self._overlap())
        self.tool.lift()
        steps, rested = 0, False
        while not rested and steps < scales.SETTLE_LIMIT / scales.TIME_STEP:
            for _ in range(LOOK):
                touched = self._step() or touched
            steps, turned = steps + LOOK, turned + self._spin()
            self._show(watch, np.full(2, np.nan))
            rested = self._rests()
        position, quaternion = self._pose()
        stands = rested and self._stands(position, quaternion)
        if stands:
            position, quaternion = np.array([*position[:2], 0.0]), rotations.about_z(rotations.heading(quaternion))
        return Outcome(position, quaternion, touched, rested, stands, turned, sunk, push.steps + steps)

    def photograph(self, scene: Scene, cameras: tuple[Camera, ...], height: int, width: int) -> Images:
        """What the cameras see of a scene, the cylinder away; an arm stands at home."""
        seen_by = renderers.egl() if self.renderer == "egl" else self.bullet
        self._build(scene, seen_by)
        kinds = {self._table: TABLE, self._object: OBJECT, **dict.fromkeys(self._obstacles, OBSTACLE)}
        kinds |= dict.fromkeys(self.tool.bodies(), TOOL)
        return photograph(seen_by, cameras, kinds, height, width, self.renderer)

    def close(self) -> None:
        self.bullet.disconnect()
        self.tool.close()
        self._files.cleanup()

    def _settle(self, laid: Solid) -> Solid:
        """The object as it comes to rest, with the last bit of its tilt and of its height over the table."""
        self.solid = laid
        self._write()
        self._build(Scene(np.zeros(3), rotations.about_z(0.0), np.empty((0, 2))))
        for _ in range(round(scales.SETTLE_LIMIT / scales.TIME_STEP / LOOK)):
            for _ in range(LOOK):
                self.bullet.stepSimulation()
            if self._rests():
                break
        settled = laid.settled(*self._pose())
        self.solid = settled
        self._write()
        return settled

    def _write(self) -> None:
        self._mesh = str(Path(self._files.name, "object.obj"))
        Path(self._mesh).write_text(self.solid.held().as_obj())

    def _build(self, scene: Scene, seen_by: Client | None = None) -> None:
        """The scene anew, to be pushed, or in the client that draws it, to be seen."""
        b, p, visible = seen_by or self.bullet, self.properties, seen_by is not None
        colours = COLOURS if visible else {}
        b.resetSimulation()
        b.setTimeStep(scales.TIME_STEP)
        b.setGravity(0, 0, -GRAVITY)
        b.setPhysicsEngineParameter(deterministicOverlappingPairs=1, enableFileCaching=0)
        seen = b.createVisualShape(b.GEOM_MESH, fileName=self._board, rgbaColor=colours[TABLE]) if visible else -1
        self._table = b.createMultiBody(0, b.createCollisionShape(b.GEOM_PLANE), seen)
        b.changeDynamics(
            self._table, -1, lateralFriction=1.0, spinningFriction=0.0, rollingFriction=0.0, restitution=0.0
        )
        position, quaternion = self.solid.to_bullet(scene.position, scene.quaternion)
        self._object = self._body(
            b, p.mass, colours.get(OBJECT), b.GEOM_MESH, position, quaternion, fileName=self._mesh
        )
        b.changeDynamics(
            self._object,
            -1,
            localInertiaDiagonal=list(p.mass * self.solid.inertia),
            lateralFriction=p.friction,
            rollingFriction=ROLLING,
            spinningFriction=SPINNING,
            restitution=p.restitution,
            linearDamping=0.0,
            angularDamping=0.0,
        )
        size = {"radius": scales.OBSTACLE_RADIUS, "height": scales.OBSTACLE_HEIGHT}
        up = scales.OBSTACLE_HEIGHT / 2
        self._obstacles = [
            self._body(b, 0.0, colours.get(OBSTACLE), b.GEOM_CYLINDER, (x, y, up), **size) for x, y in scene.obstacles
        ]
        self.tool.build(b, visible)
        for tool in self.tool.bodies() if self._obstacles else ():  # it passes through them
            for link, obstacle in product(range(-1, b.getNumJoints(tool)), self._obstacles):
                b.setCollisionFilterPair(tool, obstacle, link, -1, 0)

    def _body(
        self, b: Client, mass: float, colour: Any, shape: int, at: Any, turn: Any = (0, 0, 0, 1), **size: Any
    ) -> int:
        solid = b.createCollisionShape(shape, **size)
        seen = -1
        if colour is not None:
            size = {{"height": "length"}.get(name, name): value for name, value in size.items()}
            seen = b.createVisualShape(shape, rgbaColor=colour, **size)
        body: int = b.createMultiBody(mass, solid, seen, basePosition=at, baseOrientation=turn)
        return body

    def _pose(self) -> tuple[Array, Array]:
        position, quaternion = self.bullet.getBasePositionAndOrientation(self._object)
        return self.solid.from_bullet(np.array(position), np.array(quaternion))

    def _show(self, watch: Watch | None, tool: Array) -> None:
        if watch is not None:
            position, quaternion = self._pose()
            watch(np.array([*position[:2], rotations.heading(quaternion)]), tool)

    def _step(self) -> bool:
        """One step of the physics; whether the object touches an obstacle after it."""
        self.bullet.stepSimulation()
        return any(
            point[8] < TOUCH
            for obstacle in self._obstacles
            for point in self.bullet.getContactPoints(self._object, obstacle)
        )

    def _spin(self) -> float:
        """About how far [rad] the object turns about the vertical from one look to the next."""
        return float(self.bullet.getBaseVelocity(self._object)[1][2]) * LOOK * scales.TIME_STEP

    def _rests(self) -> bool:
        linear, angular = self.bullet.getBaseVelocity(self._object)
        return max(map(abs, linear)) < scales.REST_SPEED and max(map(abs, angular)) < scales.REST_SPIN

    @staticmethod
    def _stands(position: Array, quaternion: Array) -> bool:
        return abs(position[2]) < scales.SUNK and rotations.tilt(quaternion) < scales.UPRIGHT

    def _overlap(self) -> float:
        body, link = self.tool.contact()
        points = self.bullet.getContactPoints(self._object, body, -1, link)
        return max((-point[8] for point in points), default=0.0)
