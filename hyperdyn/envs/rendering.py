"""Images by MuJoCo, on machines that have OpenGL."""

from __future__ import annotations

import warnings
from functools import cache

import mujoco

from hyperdyn.errors import EnvError


@cache
def gl_fault() -> str | None:
    """Why MuJoCo cannot render in this process, or None if it can.

    Asked once only: MuJoCo aborts the process when a second renderer is opened after one that failed.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # GLFW warns of what the exception says
            mujoco.Renderer(mujoco.MjModel.from_xml_string("<mujoco/>"), 16, 16).close()
    except Exception as error:  # each OpenGL platform fails with a type of its own
        return f"{type(error).__name__}: {error}"
    return None


def open_renderer(model: mujoco.MjModel, height: int = 480, width: int = 640) -> mujoco.Renderer:
    """An off-screen renderer of images [height,width,3].

    Raises:
        EnvError: this machine offers MuJoCo no OpenGL.
    """
    if (fault := gl_fault()) is not None:
        raise EnvError(
            "MuJoCo cannot render here",
            got=fault,
            expected="an off-screen OpenGL platform",
            fix="apt-get install libegl1 (or libosmesa6) and set MUJOCO_GL=egl (or osmesa) before Python starts",
        )
    return mujoco.Renderer(model, height, width)
