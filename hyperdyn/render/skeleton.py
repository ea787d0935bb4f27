"""Episodes as line drawings, which need no OpenGL."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from hyperdyn.envs import skeleton
from hyperdyn.envs.simulator import AbstractSimulator, Array

SKY, EARTH, INK, FAINT = (247, 248, 250), (226, 229, 235), (31, 36, 48), (139, 147, 161)
SMOOTH = 2
"""Drawn so many times larger and then reduced, for smooth lines."""
VIEW = 2.6
"""Height of the picture in lengths of the body."""
THICKNESS = 0.07
"""Of a limb, in lengths of the body."""


class SideView:
    """Draws one system from the side; the camera follows the body.

    height, width: of a picture [pixels].
    """

    def __init__(self, simulator: AbstractSimulator, system: int, states: Array, *, height: int, width: int) -> None:
        self._simulator, self._system, self._states = simulator, system, states
        self._size = height * SMOOTH, width * SMOOTH
        bodies = [skeleton.segments(simulator, system, s) for s in states]
        extent = np.median([np.ptp(b.reshape(-1, 2), axis=0).max() for b in bodies])
        centre = np.array([b.reshape(-1, 2).mean(0) for b in bodies])
        self._scale = self._size[0] / (VIEW * max(float(extent), 1e-6))  # pixels a unit of length
        self._thick = max(3, round(THICKNESS * self._size[0] / VIEW))
        self._camera = np.stack([_smoothed(centre[:, 0]), _smoothed(centre[:, 1], 41)], axis=-1)
        self._bodies = bodies

    def __len__(self) -> int:
        return len(self._bodies)

    def frame(self, t: int, colour: tuple[int, int, int]) -> Image.Image:
        """The picture of state t, the body in this colour."""
        height, width = self._size
        image = Image.new("RGB", (width, height), SKY)
        draw = ImageDraw.Draw(image)
        self._floor(draw, t)
        for start, end in self._bodies[t]:
            thick = self._thick
            points = [tuple(p) for p in self._pixels(np.stack([start, end]), t)]
            draw.line(points, fill=colour, width=thick)
            for x, y in points:
                draw.ellipse((x - thick / 2, y - thick / 2, x + thick / 2, y + thick / 2), fill=colour)
        return image.resize((width // SMOOTH, height // SMOOTH), Image.Resampling.LANCZOS)

    def _floor(self, draw: ImageDraw.ImageDraw, t: int) -> None:
        """The ground, with a mark at every unit of length, so that one sees the body move."""
        height, width = self._size
        half = width / 2 / self._scale
        x = np.linspace(self._camera[t, 0] - half, self._camera[t, 0] + half, 80)
        level = skeleton.ground(self._simulator, self._system, x, self._states[t])
        if level is None:
            return
        line = [tuple(p) for p in self._pixels(np.stack([x, level], axis=-1), t)]
        draw.polygon([*line, (width, height), (0, height)], fill=EARTH)
        draw.line(line, fill=FAINT, width=SMOOTH)
        for mark in range(int(np.ceil(x[0])), int(x[-1]) + 1):
            z = float(np.interp(mark, x, level))
            px, py = self._pixels(np.array([[mark, z]]), t)[0]
            draw.line([(px, py), (px, py + 7 * SMOOTH)], fill=FAINT, width=SMOOTH)
            draw.text((px, py + 9 * SMOOTH), f"{mark}", fill=FAINT, font=font(9 * SMOOTH), anchor="ma")

    def _pixels(self, points: Array, t: int) -> Array:
        """World (x, z) [...,2] to pixels (right, down)."""
        height, width = self._size
        right = width / 2 + (points[..., 0] - self._camera[t, 0]) * self._scale
        down = 0.55 * height - (points[..., 1] - self._camera[t, 1]) * self._scale
        return np.stack([right, down], axis=-1)


@cache
def font(size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size)


def _smoothed(path: NDArray[np.float64], window: int = 9) -> NDArray[np.float64]:
    """A camera's path that does not shake with the body: a running mean, the ends held."""
    half = min(window, len(path)) // 2
    padded = np.pad(path, half, mode="edge")
    kernel = np.ones(2 * half + 1) / (2 * half + 1)
    return np.convolve(padded, kernel, mode="valid")
