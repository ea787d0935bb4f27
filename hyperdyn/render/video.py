"""Videos as GIFs: the same system under different methods, side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, nearest
from hyperdyn.figures.style import colours
from hyperdyn.render.opengl import rendered
from hyperdyn.render.skeleton import FAINT, INK, SKY, SideView, font

RENDERERS = ("auto", "mujoco", "skeleton")
HEIGHT, WIDTH, BANNER, GAP = 240, 320, 46, 8  # [pixels]
FRAME = 0.05
"""Seconds from one picture to the next, at least: viewers slow faster GIFs down."""

Colour = tuple[int, int, int]


@dataclass(frozen=True)
class Clip:
    """One episode to show: states [T+1,X], reward [T], and what to call it (a method's name gets its colour)."""

    label: str
    states: NDArray[np.float64]
    reward: NDArray[np.floating]


def side_by_side(
    family: Family, factors: NDArray[np.float64], clips: Sequence[Clip], *, renderer: str = "auto"
) -> list[Image.Image]:
    """Pictures of episodes of one system with factors [F], left to right; a shorter one stays at its last state.

    renderer: "mujoco" where OpenGL works, "skeleton" for line drawings, "auto" for the first that this machine can do.

    Raises:
        ConfigError: an unknown renderer, or "mujoco" where it does not work.
        EnvError: a family that can neither be rendered nor drawn.
    """
    if renderer not in RENDERERS:
        raise ConfigError("unknown renderer", got=renderer, fix=nearest(renderer, RENDERERS))
    stride = max(1, round(FRAME / family.dt))
    pictures = _pictures(family, factors, [clip.states[::stride] for clip in clips], _hues(clips), renderer)
    panels = [
        _titled(p, clip, hue, stride, family.dt) for p, clip, hue in zip(pictures, clips, _hues(clips), strict=True)
    ]
    frames = []
    for t in range(max(len(p) for p in panels)):
        frame = Image.new("RGB", (len(panels) * WIDTH + (len(panels) - 1) * GAP, HEIGHT + BANNER), (255, 255, 255))
        for i, panel in enumerate(panels):
            frame.paste(panel[min(t, len(panel) - 1)], (i * (WIDTH + GAP), 0))
        frames.append(frame)
    return frames


def gif(frames: Sequence[Image.Image], dt: float = FRAME) -> bytes:
    """An endless GIF, dt seconds a picture; the last one stays for a second."""
    palette = frames[len(frames) // 2].quantize(
        64, method=Image.Quantize.MAXCOVERAGE
    )  # keeps the colour of small things
    small = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f in frames]
    durations = [round(1000 * dt)] * (len(small) - 1) + [1000]
    buffer = io.BytesIO()
    small[0].save(buffer, "GIF", save_all=True, append_images=small[1:], duration=durations, loop=0, optimize=False)
    return buffer.getvalue()


def save_gif(family: Family, frames: Sequence[Image.Image], path: Path | str) -> bytes:
    """Write the frames at the speed of the family and return the bytes of the file."""
    data = gif(frames, family.dt * max(1, round(FRAME / family.dt)))
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return data


def _pictures(
    family: Family,
    factors: NDArray[np.float64],
    episodes: Sequence[NDArray[np.float64]],
    hues: Sequence[Colour],
    renderer: str,
) -> list[list[Image.Image]]:
    """Of each episode, one picture a state."""
    frames = None if renderer == "skeleton" else rendered(family, factors, episodes)
    if frames is not None:
        return [[ImageOps.pad(Image.fromarray(f), (WIDTH, HEIGHT), color="white") for f in e] for e in frames]
    if renderer == "mujoco":
        raise ConfigError("MuJoCo cannot render here", fix="run `hyperdyn doctor`, or take renderer=auto")
    simulator = family.simulate(np.asarray(factors)[None])
    views = [SideView(simulator, 0, states, height=HEIGHT, width=WIDTH) for states in episodes]
    return [[view.frame(t, hue) for t in range(len(view))] for view, hue in zip(views, hues, strict=True)]


def _titled(pictures: Sequence[Image.Image], clip: Clip, hue: Colour, stride: int, dt: float) -> list[Image.Image]:
    """The pictures under a banner that counts time and return."""
    gained = np.concatenate([[0.0], np.cumsum(clip.reward, dtype=np.float64)])[::stride]
    return [_labelled(p, clip.label, hue, t * stride * dt, gained[t]) for t, p in enumerate(pictures)]


def _labelled(picture: Image.Image, label: str, colour: Colour, seconds: float, gained: float) -> Image.Image:
    image = Image.new("RGB", (WIDTH, HEIGHT + BANNER), SKY)
    image.paste(picture, (0, BANNER))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 6, BANNER), fill=colour)
    draw.text((14, 15), label, fill=INK, font=font(17), anchor="lt")
    draw.text((WIDTH - 12, 6), f"return {gained:.0f}", fill=INK, font=font(15), anchor="rt")
    draw.text((WIDTH - 12, 28), f"{seconds:.1f} s", fill=FAINT, font=font(12), anchor="rt")
    return image


def _hues(clips: Sequence[Clip]) -> list[Colour]:
    """The colours that the methods have in figures; the method is the first word of a label."""
    names = [clip.label.split()[0] for clip in clips]
    chosen = colours(list(dict.fromkeys(names)))
    return [_rgb(chosen[name]) for name in names]


def _rgb(colour: str) -> Colour:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
