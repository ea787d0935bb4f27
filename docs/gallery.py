"""The pictures of environments.md: `python docs/gallery.py [FAMILY ...]`, from the top of the repository.

Three systems of a family, side by side, after the same start and the same actions. MuJoCo renders them where it has
OpenGL (MUJOCO_GL=egl or osmesa); otherwise they are line drawings.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageOps

from hyperdyn import envs
from hyperdyn.envs.pushing.system import state_of
from hyperdyn.envs.rendering import gl_fault
from hyperdyn.envs.spec import Family
from hyperdyn.render.skeleton import INK, SKY, SideView, font

HERE = Path(__file__).parent / "images"
WIDTH, HEIGHT, CAPTION, GAP = 320, 210, 26, 6  # [pixels]
COLOURS = 96
BLUE = (31, 119, 180)
SECONDS = 1.0
STARTS = {"cheetah_pier": 2.0, "cheetah_slope": 8.0}
"""x [m] of the start: between two slabs, on the ramp."""

SYSTEMS: dict[str, dict[str, dict[str, float]]] = {
    "ant_cripple": {
        "front left crippled": {"leg_front_left": 0},
        "front right crippled": {"leg_front_right": 0},
        "back right (unseen)": {"leg_back_right": 0},
    },
    "ant_slope": {"level": {"incline": 0}, "8 degrees": {"incline": 8}, "14 degrees (unseen)": {"incline": 14}},
    "cheetah_cripple": {
        "front thigh dead": {"gain_fthigh": 0},
        "back foot dead": {"gain_bfoot": 0},
        "back thigh dead (unseen)": {"gain_bthigh": 0},
    },
    "cheetah_mass": {
        "mass and damping x 0.75": {"mass": 0.75, "damping": 0.75},
        "mass and damping x 1.25": {"mass": 1.25, "damping": 1.25},
        "x 1.8 (unseen)": {"mass": 1.8, "damping": 1.8},
    },
    "cheetah_mix": {
        "tilt 12, mass x 0.7": {"tilt": 12, "mass": 0.7},
        "tilt -12, friction 1.1": {"tilt": -12, "friction": 1.1},
        "weak front thigh, mass x 1.6": {"gain_fthigh": 0.3, "mass": 1.6},
    },
    "cheetah_pier": {"damping 0": {"damping": 0}, "damping 9": {"damping": 9}, "damping 15 (unseen)": {"damping": 15}},
    "cheetah_slope": {"height 0.5 m": {"height": 0.5}, "height 3 m": {"height": 3}, "4.5 m (unseen)": {"height": 4.5}},
    "pushing": {"a mesh": {"shape": 6}, "a polygon": {"shape": 9}, "a union (unseen)": {"shape": 2003}},
    "pendulum": {"0.75 m": {"length": 0.75}, "1.25 m": {"length": 1.25}, "0.3 m (unseen)": {"length": 0.3}},
}
INCLINE = {"ant_slope": "incline", "cheetah_mix": "tilt"}
"""Factors [deg] that tilt gravity: the picture is turned, so that down is down."""


def row(name: str) -> Image.Image:
    """The three panels of a family."""
    family, systems = envs.load(name), SYSTEMS[name]
    picture = Image.new("RGB", (len(systems) * (WIDTH + GAP) - GAP, HEIGHT + CAPTION), "white")
    draw = ImageDraw.Draw(picture)
    for i, (caption, changed) in enumerate(systems.items()):
        factors = {**dict(zip(family.factors, family.nominal, strict=True)), **changed}
        left = i * (WIDTH + GAP)
        picture.paste(panel(family, factors), (left, 0))
        draw.text((left + WIDTH / 2, HEIGHT + CAPTION / 2), caption, fill=INK, font=font(14), anchor="mm")
    return picture


def panel(family: Family, factors: dict[str, float]) -> Image.Image:
    system = np.array([factors[name] for name in family.factors])
    can_render = gl_fault() is None or family.name in ("pendulum", "pushing")
    env: Any = family.make(system, render_mode="rgb_array" if can_render else None).unwrapped
    env.reset(seed=0)
    if family.name in STARTS:
        state, x = env.state.copy(), STARTS[family.name]
        state[:2] = x, env.ground(env.model, np.array(x), state)
        env.set_state(state)
    states = [env.state]
    if family.name == "pushing":
        env.set_state(state_of(np.array([*np.zeros(6), 0, *(0.14, 0.1), *(-10.0, 10.0), *(-11.0, 10.0)])))
        env.step(np.array([0.05, 0.1, 0.2, 0.0]))
    for t in np.arange(0.0, SECONDS, family.dt):
        env.step(0.8 * np.sin(2 * np.pi * 1.5 * t + np.arange(family.state.action_dim)).astype(np.float32))
        states.append(env.state)
    if can_render:
        image = Image.fromarray(env.render())
        env.close()
    else:
        view = SideView(family.simulate(system[None]), 0, np.array(states), height=2 * HEIGHT, width=2 * WIDTH)
        image = view.frame(len(states) - 1, BLUE)
    return fitted(image, factors[INCLINE[family.name]] if family.name in INCLINE else 0.0)


def fitted(image: Image.Image, degrees: float) -> Image.Image:
    """The picture turned by an angle [deg] and cut to the size of a panel, nothing empty in its corners."""
    if image.width == image.height:  # the pendulum's own picture, all of it
        return ImageOps.pad(image, (WIDTH, HEIGHT), color="white")
    turned = image.rotate(degrees, resample=Image.Resampling.BICUBIC, fillcolor=SKY)
    wide, high = image.size
    angle = np.deg2rad(abs(degrees))
    scale = min(wide / WIDTH, high / HEIGHT)
    scale = min(scale, wide / (WIDTH * np.cos(angle) + HEIGHT * np.sin(angle)))
    scale = min(scale, high / (WIDTH * np.sin(angle) + HEIGHT * np.cos(angle)))
    half = np.array([WIDTH, HEIGHT]) * scale / 2
    box = (wide / 2 - half[0], high / 2 - half[1], wide / 2 + half[0], high / 2 + half[1])
    return turned.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS, box=box)


def main(names: list[str]) -> None:
    HERE.mkdir(exist_ok=True)
    for name in names or SYSTEMS:
        path = HERE / f"env_{name}.png"
        row(name).quantize(COLOURS, dither=Image.Dither.NONE).save(path, optimize=True)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main(sys.argv[1:])
