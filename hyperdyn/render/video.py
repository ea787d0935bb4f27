"""Videos as GIFs: the same system under different methods, side by side."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageOps

from hyperdyn.envs.pushing.simulator import PushingSimulator
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, EnvError, nearest
from hyperdyn.figures.style import colours
from hyperdyn.render.opengl import rendered
from hyperdyn.render.panel import Clip, Colour, Film, Panel
from hyperdyn.render.pushing import PushView
from hyperdyn.render.skeleton import FAINT, INK, SKY, SideView, font

RENDERERS = ("auto", "mujoco", "skeleton")
HEIGHT, WIDTH, BANNER, GAP = 240, 320, 46, 8  # [pixels]
FRAME = 0.05
"""Seconds from one picture to the next, at least: viewers slow faster GIFs down."""


def side_by_side(
    family: Family, factors: NDArray[np.float64], clips: Sequence[Clip], *, renderer: str = "auto"
) -> Film:
    """Episodes of one system with factors [F], left to right; a shorter one stays at its last state.

    renderer: "mujoco" where OpenGL works, "skeleton" for line drawings, "auto" for the first that this machine can do.
        Pushes are always seen by a camera, which needs neither.

    Raises:
        ConfigError: an unknown renderer, or "mujoco" where it does not work.
        EnvError: a family that can neither be rendered nor drawn.
    """
    if renderer not in RENDERERS:
        raise ConfigError("unknown renderer", got=renderer, fix=nearest(renderer, RENDERERS))
    panels = _panels(family, factors, clips, renderer)
    longest = max(panels, key=lambda panel: len(panel.pictures))
    titled = [_titled(panel, clip.label, hue) for panel, clip, hue in zip(panels, clips, _hues(clips), strict=True)]
    sizes = [pictures[0].size for pictures in titled]
    frames = []
    for t in range(len(longest.pictures)):
        frame = Image.new("RGB", (sum(w for w, _ in sizes) + (len(sizes) - 1) * GAP, sizes[0][1]), (255, 255, 255))
        for i, pictures in enumerate(titled):
            frame.paste(pictures[min(t, len(pictures) - 1)], (i * (sizes[0][0] + GAP), 0))
        frames.append(frame)
    return Film(frames, longest.seconds)


def gif(film: Film) -> bytes:
    """An endless GIF; the last picture stays for a second or longer."""
    frames = film.frames
    few = [np.asarray(frames[round(i * (len(frames) - 1) / 3)]) for i in range(4)]
    palette = Image.fromarray(np.concatenate(few)).quantize(64, method=Image.Quantize.FASTOCTREE)
    small = [f.quantize(palette=palette, dither=Image.Dither.NONE) for f in frames]
    durations = [round(1000 * seconds) for seconds in [*film.seconds[:-1], max(1.0, film.seconds[-1])]]
    buffer = io.BytesIO()
    small[0].save(buffer, "GIF", save_all=True, append_images=small[1:], duration=durations, loop=0, optimize=False)
    return buffer.getvalue()


def save_gif(film: Film, path: Path | str) -> bytes:
    """Write the film and return the bytes of the file."""
    data = gif(film)
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return data


def _panels(family: Family, factors: NDArray[np.float64], clips: Sequence[Clip], renderer: str) -> list[Panel]:
    simulator = family.simulate(np.asarray(factors)[None])
    if isinstance(simulator, PushingSimulator):
        view = PushView(simulator, [clip.states for clip in clips])
        return [view.panel(clip, hue) for clip, hue in zip(clips, _hues(clips), strict=True)]
    stride = max(1, round(FRAME / family.dt))
    episodes = _pictures(family, factors, [clip.states[::stride] for clip in clips], _hues(clips), renderer)
    return [_counted(e, clip, stride, family.dt) for e, clip in zip(episodes, clips, strict=True)]


def _counted(pictures: list[Image.Image], clip: Clip, stride: int, dt: float) -> Panel:
    """Pictures that count time and return."""
    gained = np.concatenate([[0.0], np.cumsum(clip.reward, dtype=np.float64)])[::stride]
    notes = [(f"{t * stride * dt:.1f} s", f"return {gained[t]:.0f}") for t in range(len(pictures))]
    return Panel(pictures, notes, [dt * stride] * len(pictures))


def _pictures(
    family: Family,
    factors: NDArray[np.float64],
    episodes: Sequence[NDArray[np.float64]],
    hues: Sequence[Colour],
    renderer: str,
) -> list[list[Image.Image]]:
    """Of each episode, one picture a state."""
    frames, lacking = None, None
    if renderer != "skeleton":
        try:
            frames = rendered(family, factors, episodes)
        except EnvError as error:
            lacking = error
    if frames is not None:
        return [[ImageOps.pad(Image.fromarray(f), (WIDTH, HEIGHT), color="white") for f in e] for e in frames]
    if renderer == "mujoco":
        raise lacking or ConfigError("MuJoCo cannot render here", fix="run `hyperdyn doctor`, or take renderer=auto")
    simulator = family.simulate(np.asarray(factors)[None])
    try:
        views = [SideView(simulator, 0, states, height=HEIGHT, width=WIDTH) for states in episodes]
    except EnvError as error:
        raise lacking or error from error
    return [[view.frame(t, hue) for t in range(len(view))] for view, hue in zip(views, hues, strict=True)]


def _titled(panel: Panel, label: str, colour: Colour) -> list[Image.Image]:
    """The pictures, each under a banner with the label and what there is to note."""
    return [_labelled(p, label, colour, *notes) for p, notes in zip(panel.pictures, panel.notes, strict=True)]


def _labelled(picture: Image.Image, label: str, colour: Colour, small: str, large: str) -> Image.Image:
    width, height = picture.size
    image = Image.new("RGB", (width, height + BANNER), SKY)
    image.paste(picture, (0, BANNER))
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, 0, 6, BANNER), fill=colour)
    draw.text((14, 15), label, fill=INK, font=font(17), anchor="lt")
    draw.text((width - 12, 6), large, fill=INK, font=font(15), anchor="rt")
    draw.text((width - 12, 28), small, fill=FAINT, font=font(12), anchor="rt")
    return image


def _hues(clips: Sequence[Clip]) -> list[Colour]:
    """The colours that the methods have in figures; the method is the first word of a label."""
    names = [clip.label.split()[0] for clip in clips]
    chosen = colours(list(dict.fromkeys(names)))
    return [_rgb(chosen[name]) for name in names]


def _rgb(colour: str) -> Colour:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)
