"""Pushes as a camera over the table sees them: the object, where it should go, and where it was expected to."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

import numpy as np
import torch
from PIL import Image, ImageDraw

from hyperdyn.envs.pushing import rotations, scales
from hyperdyn.envs.pushing.bodies import Array, hull
from hyperdyn.envs.pushing.cameras import TABLE, Camera
from hyperdyn.envs.pushing.objective import errors, success
from hyperdyn.envs.pushing.pushes import push_of
from hyperdyn.envs.pushing.simulator import PushingSimulator
from hyperdyn.envs.pushing.system import scene_of
from hyperdyn.envs.pushing.world import Scene
from hyperdyn.render.panel import Clip, Colour, Panel
from hyperdyn.render.silhouette import Lens, rim

HEIGHT, WIDTH = 300, 360  # [pixels] of a picture
SMOOTH = 2
"""Drawn so many times larger and then reduced, for smooth lines."""
ELEVATION = 55.0  # [deg] of the line of sight over the table
FIELD_OF_VIEW = 40.0  # [deg]
MARGIN = 0.09  # [m] around all that must be seen
MOVING = 6
"""Pictures of a moving object in each push."""
BEFORE, DURING, AFTER = 0.8, 0.08, 0.7
"""Seconds for which each picture is shown: of the plan, of the motion, and of what came of it."""
GOAL, TOOL, LINE = (38, 133, 62), (58, 60, 70), (31, 36, 48)


@final
class PushView:
    """Draws episodes of one system; one camera sees all of them.

    episodes: states [T+1,X] each.
    """

    def __init__(self, simulator: PushingSimulator, episodes: Sequence[Array]) -> None:
        self._system = simulator.systems[0]
        self._body = self._system.world.solid.body
        self._observe = simulator.observe
        states = np.concatenate(episodes)
        obs = simulator.observe(states)
        points = [obs[:, scales.POSITION], obs[:, scales.GOAL][:, :2], *(scene_of(s).obstacles for s in states[:1])]
        self._lens = Lens(_camera(np.concatenate(points)), HEIGHT * SMOOTH, WIDTH * SMOOTH)

    def panel(self, clip: Clip, colour: Colour) -> Panel:
        """Push by push: the plan, the motion, and the result beside what was expected."""
        assert clip.action is not None
        pushes, panel = len(clip.action), Panel([], [], [])
        obs = self._observe(clip.states)
        for t, action in enumerate(clip.action.astype(np.float64)):
            state = clip.states[t]
            expected = None if clip.predicted is None else clip.predicted[t, :3].astype(np.float64)
            if success(obs[t]):
                break
            note, last = f"push {t + 1} of {pushes}", _distance(obs[t])
            panel.add(self._picture(state, obs[t, :3], colour, expected, push=action), note, last, BEFORE)
            for pose, tool in self._course(state, action):
                panel.add(self._picture(state, pose, colour, expected, tool=tool), note, last, DURING)
            after = self._picture(clip.states[t + 1], obs[t + 1, :3], colour, expected)
            panel.add(after, note, "at the goal" if success(obs[t + 1]) else _distance(obs[t + 1]), AFTER)
        return panel

    def _course(self, state: Array, action: Array) -> list[tuple[Array, Array]]:
        """Object (x, y, yaw) and tool (x, y) at moments of a push, most of them while the object moves."""
        seen: list[tuple[Array, Array]] = []
        self._system.world.push(scene_of(state), action, lambda pose, tool: seen.append((pose, tool)))
        if not seen:  # out of the arm's reach
            return []
        poses = np.array([np.concatenate([pose[:2], [0.05 * pose[2]], np.nan_to_num(tool)]) for pose, tool in seen])
        way = np.concatenate([[0.0], np.linalg.norm(np.diff(poses, axis=0), axis=1).clip(max=0.02).cumsum()])
        chosen = np.searchsorted(way, np.linspace(0.0, way[-1], MOVING + 1)[:-1] + 1e-9)
        return [seen[min(i, len(seen) - 1)] for i in chosen]

    def _picture(
        self,
        state: Array,
        pose: Array,
        colour: Colour,
        expected: Array | None,
        push: Array | None = None,
        tool: Array | None = None,
    ) -> Image.Image:
        lens, scene = self._lens, scene_of(state)
        there = Scene(np.array([*pose[:2], 0.0]), rotations.about_z(pose[2]), scene.obstacles)
        if np.allclose(pose[:2], state[:2]):
            there = scene  # as it lies, toppled perhaps
        seen = self._system.world.photograph(there, (lens.camera,), lens.height, lens.width)
        image = Image.fromarray(np.rint(255 * seen.rgb[0].transpose(1, 2, 0)).astype(np.uint8))
        goal = lens.mask(self._body, self._observe(state)[scales.GOAL])
        floor = np.asarray(goal) // 5 * (seen.segmentation[0] == TABLE)
        image.paste(Image.new("RGB", image.size, GOAL), mask=Image.fromarray(floor.astype(np.uint8)))
        image.paste(Image.new("RGB", image.size, GOAL), mask=rim(goal, SMOOTH))
        if expected is not None:
            image.paste(Image.new("RGB", image.size, colour), mask=rim(lens.mask(self._body, expected), SMOOTH))
        if push is not None:
            self._arrow(ImageDraw.Draw(image), state, push)
        if tool is not None and np.isfinite(tool).all():
            self._tool(ImageDraw.Draw(image), tool)
        return image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS)

    def _arrow(self, draw: ImageDraw.ImageDraw, state: Array, action: Array) -> None:
        push = push_of(state[:2], action)
        ahead = (push.end - push.start) / np.linalg.norm(push.end - push.start)
        left = np.array([-ahead[1], ahead[0]])
        head = np.stack([push.end, push.end - 0.016 * ahead + 0.009 * left, push.end - 0.016 * ahead - 0.009 * left])
        level = self._body.height / 2
        draw.line(
            self._lens.ground(np.stack([push.start, push.end - 0.012 * ahead]), level), fill=LINE, width=3 * SMOOTH
        )
        draw.polygon(self._lens.ground(head, level), fill=LINE)
        self._disc(draw, push.start, level, LINE)

    def _tool(self, draw: ImageDraw.ImageDraw, tool: Array) -> None:
        ends = [_circle(tool, level) for level in (scales.TOOL_CLEARANCE, 0.08)]
        around = hull(self._lens.pixels(np.concatenate(ends)))
        draw.polygon([(float(x), float(y)) for x, y in around], fill=TOOL)
        self._disc(draw, tool, 0.08, (120, 124, 138))

    def _disc(self, draw: ImageDraw.ImageDraw, centre: Array, level: float, fill: Colour) -> None:
        draw.polygon([(float(x), float(y)) for x, y in self._lens.pixels(_circle(centre, level))], fill=fill)


def _camera(points: Array) -> Camera:
    """A camera from the south that sees points of the table [n,2] and objects that lie there."""
    low, high = points.min(0) - MARGIN, points.max(0) + MARGIN
    x, y = (low + high) / 2
    up = math.radians(ELEVATION)
    high_enough = (high - low)[1] * math.sin(up) + 2 * scales.HEIGHT[1]
    distance = max(high_enough, (high - low)[0] * HEIGHT / WIDTH) / 2 / math.tan(math.radians(FIELD_OF_VIEW) / 2)
    eye = float(x), float(y - distance * math.cos(up)), distance * math.sin(up)
    return Camera(eye, (float(x), float(y), 0.0), FIELD_OF_VIEW)


def _circle(centre: Array, level: float) -> Array:
    angle = np.linspace(0, 2 * np.pi, 24, endpoint=False)
    rim = centre + scales.TOOL_RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    return np.column_stack([rim, np.full(len(angle), level)])


def _distance(obs: Array) -> str:
    position, turn = errors(torch.from_numpy(obs))
    return f"{1000 * float(position):.0f} mm, {math.degrees(float(turn)):.0f}°"
