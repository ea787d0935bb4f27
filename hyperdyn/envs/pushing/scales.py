"""Every length, angle and speed of a push, and where it stands in an observation. SI units."""

from __future__ import annotations

import math

TIME_STEP = 1 / 240  # [s] of the physics
SLOT = 4.0  # [s] of one push and what follows it: the dt of the family

MAX_OFFSET = 0.03  # [m] between the tool's line and the object's origin, at |a1| = 1
DISTANCE = (0.06, 0.16)  # [m] that the tool travels, at a2 = -1 and 1
SPEED = (0.15, 0.6)  # [m/s] of the tool, at a3 = -1 and 1
STANDOFF = 0.1  # [m] from the object's origin back along the line to where the tool comes down

TOOL_RADIUS = 0.01  # [m] of the cylinder
TOOL_LENGTH = 0.15  # [m]
TOOL_CLEARANCE = 0.004  # [m] between its lower end and the table

RADIUS = (0.042, 0.06)  # [m] of an object, from its origin to its farthest point over the table, at scale 1
HEIGHT = (0.02, 0.045)  # [m] of a procedural object; meshes are flattened to the upper one, at scale 1

SETTLE_LIMIT = 2.0  # [s] that an object is given to come to rest
REST_SPEED = 2e-3  # [m/s] below which it rests,
REST_SPIN = 2e-2  # [rad/s] if it also turns slower than this
UPRIGHT = math.radians(10.0)  # an object that rests at a smaller tilt stands; it is set down level
SUNK = 4e-3  # [m] farthest from its resting height that it may be then

WORKSPACE = 0.2  # [m] objects and goals are kept to |x|, |y| below this
START = 0.1  # [m] objects start at |x|, |y| below this

GOAL_DISTANCE = (0.05, 0.2)  # [m] from the start; eight pushes reach it
GOAL_TURN = math.radians(60.0)  # largest turn asked for
TOLERANCE = 0.012  # [m] of a reached goal
TURN_TOLERANCE = math.radians(8.0)

OBSTACLES = 3  # most of them
OBSTACLE_RADIUS = 0.02  # [m]
OBSTACLE_HEIGHT = 0.1  # [m]
PARKED = (-10.0, 10.0)  # [m] where an absent obstacle is said to stand
PRESENT = 2.0  # [m] an obstacle with |x|, |y| below this is there

OUTLINE = 16  # distances of the outline, at equal angles from the object's x axis on

# Entries of an observation.
POSITION, YAW, GOAL, TOUCHED, FIRST_OBSTACLE = slice(0, 2), 2, slice(3, 6), 6, 7
OBSERVATION = FIRST_OBSTACLE + 2 * OBSTACLES
