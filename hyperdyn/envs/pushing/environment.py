"""Object pushing behind Gymnasium."""

from __future__ import annotations

from typing import Any, ClassVar, final

import gymnasium
import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from hyperdyn.envs.pushing import scales, system
from hyperdyn.envs.pushing.cameras import Camera, Images, around_the_table
from hyperdyn.envs.pushing.objective import objective, success
from hyperdyn.envs.pushing.pushes import Array
from hyperdyn.envs.pushing.solids import Properties
from hyperdyn.envs.pushing.system import System

PORTRAIT = Camera((0.0, -0.62, 0.5), (0.0, -0.02, 0.0), 45.0)
"""The camera of `render`."""


@final
class Pushing(gymnasium.Env[Array, NDArray[np.float32]]):
    """An object on a table, pushed once in each step to a goal pose. A reconstruction: see docs/environments.md.

    Action [4] in [-1, 1], in the frame of the world: direction of travel / pi; offset of the line from the object's
    origin, positive to the left of the direction; distance; speed. `scales` has what 1 stands for. The tool comes down
    STANDOFF before the object, travels in a straight line, and is lifted at once; the object slides on until it rests.

    Observation [13]: x, y [m] and yaw [rad] of the object, which goes on past pi; then what no push changes: the goal
    (x, y, yaw), whether an obstacle was touched by object or tool (0 or 1), and three obstacles (x, y) [m], those that
    are absent far away. With `outline` 16 more: the object's radius [m] at equal angles from its x axis on.

    An episode ends at the goal.

    shape, mass, friction, com_x, com_y, scale, restitution: of the object, see `solids.Properties`.
    obstacles: how many stand between start and goal, 0 to 3.
    arm: what pushes: `cylinder`, or `kuka` or `panda` with the cylinder at its end.
    outline: show the outline.
    views, pixels: of `views()`: how many cameras around the table, and the edge of their images.
    renderer: who draws: `tiny` (TinyRenderer), or `egl` (OpenGL).

    Raises:
        ConfigError: PyBullet is not installed, or an argument is out of its range.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["rgb_array"], "render_fps": 1}  # type: ignore[misc]

    def __init__(
        self,
        shape: float = 1.0,
        mass: float = 0.15,
        friction: float = 0.55,
        com_x: float = 0.0,
        com_y: float = 0.0,
        scale: float = 1.0,
        restitution: float = 0.2,
        *,
        obstacles: int = 0,
        arm: str = "cylinder",
        outline: bool = False,
        views: int = 4,
        pixels: int = 128,
        renderer: str = "tiny",
        render_mode: str | None = None,
    ) -> None:
        properties = Properties(shape, mass, friction, com_x, com_y, scale, restitution)
        self.system = System(properties, arm=arm, obstacles=obstacles, outline=outline, renderer=renderer)
        self.cameras, self.pixels = around_the_table(views), pixels
        self.render_mode = render_mode
        self.state = self.system.start(np.random.default_rng(0))
        self.action_space = spaces.Box(-1.0, 1.0, (4,), np.float32)
        self.observation_space = spaces.Box(-np.inf, np.inf, self.observe(self.state).shape, np.float64)

    observe = staticmethod(system.observe)
    state_of = staticmethod(system.state_of)

    def set_state(self, state: Array) -> None:
        """Put the system into a state [X]."""
        self.state = np.array(state, dtype=np.float64)

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> tuple[Array, dict[str, Any]]:
        super().reset(seed=seed)
        self.state = self.system.start(self.np_random)
        return self.observe(self.state), {}

    def step(self, action: NDArray[np.float32]) -> tuple[Array, float, bool, bool, dict[str, Any]]:
        before, act = self.observe(self.state), np.asarray(action, dtype=np.float64)
        self.state, outcome = self.system.push(self.state, act)
        after = self.observe(self.state)
        reached = bool(success(after))
        info = {
            "is_success": reached,
            "rested": outcome.rested,
            "seconds": outcome.steps * scales.TIME_STEP,
        }
        return after, float(objective(before, act, after)), reached, False, info

    def views(self) -> Images:
        """What the cameras around the table see now."""
        return self.system.photograph(self.state, self.cameras, self.pixels, self.pixels)

    def render(self) -> NDArray[np.uint8] | None:
        """The present state as an image [240,320,3], or None without a render mode."""
        if self.render_mode is None:
            return None
        seen = self.system.photograph(self.state, (PORTRAIT,), 240, 320)
        return np.rint(255 * seen.rgb[0].transpose(1, 2, 0)).astype(np.uint8)

    def close(self) -> None:
        self.system.close()
