"""Who draws: TinyRenderer on the CPU, everywhere and to the last bit; or OpenGL, where EGL gives a context without a
screen.

OpenGL is a plug-in of PyBullet's. A client that has it draws nothing without it any more; a second context in the
process costs 280 MB, and the clients that had one before then see the scene of the last. So one client in each process
has the plug-in, and every system builds its scene in it when it is photographed.
"""

from __future__ import annotations

import atexit
import ctypes
import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from hyperdyn.envs.pushing.bullet import Client
from hyperdyn.errors import ConfigError

RENDERERS = ("tiny", "egl")
"""Renderers by name."""

LARGEST = (768, 1024)
"""Height and width [pixels] of the plug-in's window. It would blow larger pictures up without a word."""

PLUGIN = "_eglRendererPlugin"
PROBE = f"""
import sys, pybullet
client = pybullet.connect(pybullet.DIRECT)
sys.exit(pybullet.loadPlugin(sys.argv[1], {PLUGIN!r}, physicsClientId=client) < 0)
"""


@cache
def egl() -> Client:
    """The client of this process that draws with OpenGL, made when it is first asked for.

    Raises:
        ConfigError: there is no plug-in, or EGL does not start.
    """
    client = Client()
    why = without_egl()
    if not why:
        with _silence():
            if client.loadPlugin(_plugin(), PLUGIN) < 0:
                why = "the plug-in does not load"
    if why:
        raise ConfigError(
            "renderer=egl cannot draw here",
            got=why,
            expected="libEGL and a driver that renders without a screen",
            fix="renderer=tiny, whose pictures have other colours; or apt-get install -y libegl1 libegl-mesa0",
        )
    client.disconnect.atexit = False  # it would say goodbye
    atexit.register(_close, client)
    return client


def without_egl() -> str:
    """Why there is no EGL here, empty if there is. Where it does not start, the plug-in ends the process that tries, so
    another process does.
    """
    plugin = _plugin()
    if not plugin:
        return "PyBullet came without its plug-in eglRenderer"
    try:
        run = subprocess.run([sys.executable, "-c", PROBE, plugin], capture_output=True, text=True, timeout=120)
    except subprocess.TimeoutExpired:
        return "EGL did not start within two minutes"
    if run.returncode == 0:
        return ""
    return (run.stderr.strip().splitlines() or [f"exit status {run.returncode}"])[-1]


def _plugin() -> str:
    """The plug-in's file, empty if there is none."""
    found = importlib.util.find_spec("eglRenderer")
    return found.origin or "" if found else ""


def _close(client: Client) -> None:
    with _silence():
        client.disconnect()


@contextmanager
def _silence() -> Iterator[None]:
    """Neither stdout nor stderr, not even for what is written in C. Not for other threads either."""
    kept = {number: os.dup(number) for number in (1, 2)}
    nowhere = os.open(os.devnull, os.O_WRONLY)
    _flush()
    try:
        for number in kept:
            os.dup2(nowhere, number)
        yield
    finally:
        _flush()
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)
        os.close(nowhere)


def _flush() -> None:
    """Everything that waits to be written is, by Python and by C."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None and not stream.closed:
            stream.flush()
    ctypes.CDLL(None).fflush(None)
