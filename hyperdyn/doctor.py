"""`hyperdyn doctor`: what this machine has, and what to paste where something is missing."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

RENDER = """
import mujoco
model = mujoco.MjModel.from_xml_string("<mujoco><worldbody><light pos='0 0 3'/><geom size='1'/></worldbody></mujoco>")
data = mujoco.MjData(model)
mujoco.mj_forward(model, data)
renderer = mujoco.Renderer(model, 32, 32)
renderer.update_scene(data)
assert renderer.render().max() > 0
"""
GL_PACKAGES = {"egl": "libegl1", "osmesa": "libosmesa6"}
BAD_LIGHTNING = ("2.6.2", "2.6.3")
"""Releases that carried malware."""
MIN_DISK = 5.0
"""[GB] that a demo and a few runs need."""
MIN_SHM = 0.5
"""[GB] that worker processes need to hand tensors over."""


@dataclass(frozen=True)
class Check:
    """One finding. ok: as it should be. needed: without it hyperdyn does not work. fix: to paste."""

    name: str
    ok: bool
    found: str
    fix: str = ""
    needed: bool = False


def main() -> int:
    """Print every check; 1 if something that hyperdyn cannot do without is missing."""
    failed = False
    fixes = []
    for look, package in CHECKS:
        check = examined(look, package)
        mark = "ok" if check.ok else "FAIL" if check.needed else "--"
        print(f"{mark:<5} {check.name:<14} {check.found}", flush=True)
        failed |= check.needed and not check.ok
        if check.fix and not check.ok:
            fixes.append(check)
    if fixes:
        print("\nto fix, paste:")
        for check in fixes:
            print(f"  {check.fix}    # {check.name}")
    print("\n" + ("hyperdyn cannot run here yet" if failed else "hyperdyn can run here"))
    return int(failed)


def examined(look: Callable[[], Check], package: str) -> Check:
    """The check, or why it could not be made: a broken installation must not stop the others.

    package: what hyperdyn cannot do without, if the check is about one.
    """
    try:
        return look()
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        fix = _reinstall(package) if package else ""
        return Check(package or look.__name__, False, f"{type(error).__name__}: {first}", fix, needed=bool(package))


def python() -> Check:
    found = sys.version.split()[0]
    return Check("Python", sys.version_info >= (3, 11), found, "make PYTHON=python3.11 install", needed=True)


def lightning() -> Check:
    found = version("lightning")
    bad = found in BAD_LIGHTNING
    text = f"{found} is a release that carried malware" if bad else found
    return Check("Lightning", not bad, text, _reinstall("lightning==2.6.6"), needed=True)


def threads() -> Check:
    """More threads than cores wait for each other; a decision then takes several times as long."""
    import torch

    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    used = torch.get_num_threads()
    found = f"torch {torch.__version__}, {used} threads on {cores} cores"
    return Check("torch", used <= cores, found, f"export OMP_NUM_THREADS={cores} MKL_NUM_THREADS={cores}")


def gpu() -> Check:
    import torch

    if torch.cuda.is_available():
        names = {torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())}
        return Check(
            "GPU", True, f"{torch.cuda.device_count()} x {', '.join(sorted(names))}, CUDA {torch.version.cuda}"
        )
    if shutil.which("nvidia-smi") is None:
        return Check("GPU", True, "none; training and planning use the CPU")
    if torch.version.cuda is None:
        fix = f"python -m pip install --force-reinstall torch=={torch.__version__.split('+')[0]}"
        return Check("GPU", False, "there is one, but this torch is built without CUDA", fix)
    return Check("GPU", False, f"torch cannot use it with CUDA {torch.version.cuda}", "nvidia-smi")


def mujoco() -> Check:
    import mujoco as mj

    found = version("mujoco")
    if found == "4.0.0":
        return Check("MuJoCo", False, "4.0.0 has a wrong solver", _reinstall("'mujoco<4'"), needed=True)
    model = mj.MjModel.from_xml_string(
        "<mujoco><worldbody><body><freejoint/><geom size='1'/></body></worldbody></mujoco>"
    )
    data = mj.MjData(model)
    mj.mj_step(model, data)
    falls = float(data.qvel[2]) < 0
    return Check("MuJoCo", falls, f"{found}, steps a model", _reinstall("mujoco"), needed=True)


def gl() -> Check:
    """One way to render without a screen is enough."""
    working = [backend for backend in GL_PACKAGES if _renders(backend)]
    sudo = "" if hasattr(os, "geteuid") and os.geteuid() == 0 else "sudo "
    fix = f"{sudo}apt-get install -y {' '.join(GL_PACKAGES.values())}"
    if not working:
        return Check("GL", False, "neither EGL nor OSMesa renders; videos show drawn skeletons", fix)
    return Check("GL", True, f"renders with {', '.join(working)}; MUJOCO_GL={working[0]} chooses it")


def pybullet() -> Check:
    """Only a look at what is installed: the module prints when it is imported."""
    if sys.platform != "linux" or sys.version_info >= (3, 12):
        return Check("PyBullet", True, "not for this platform; pushing is left out")
    try:
        found = version("pybullet")
    except PackageNotFoundError:
        return Check("PyBullet", False, "missing; pushing needs it", "python -m pip install 'hyperdyn[pushing]'")
    run = subprocess.run([sys.executable, "-c", "import pybullet"], capture_output=True, text=True, timeout=60)
    return Check("PyBullet", run.returncode == 0, found, _reinstall("pybullet"))


def images() -> Check:
    import imageio
    import PIL

    return Check("images", True, f"imageio {imageio.__version__}, Pillow {PIL.__version__}")


def disk() -> Check:
    free = shutil.disk_usage(".").free / 1e9
    return Check("disk", free >= MIN_DISK, f"{free:.1f} GB free here", "du -sh data/* runs/*")


def shared_memory() -> Check:
    shm = Path("/dev/shm")
    if not shm.is_dir():
        return Check("/dev/shm", True, "not on this platform")
    free = shutil.disk_usage(shm).free / 1e9
    return Check("/dev/shm", free >= MIN_SHM, f"{free:.1f} GB free", "mount -o remount,size=2G /dev/shm")


def _renders(backend: str) -> bool:
    """A backend that does not work may end the process that tries it, so another one tries."""
    environment = {**os.environ, "MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    try:
        run = subprocess.run([sys.executable, "-c", RENDER], env=environment, capture_output=True, timeout=120)
    except subprocess.TimeoutExpired:
        return False
    return run.returncode == 0


def _reinstall(package: str) -> str:
    return f"python -m pip install --force-reinstall {package}"


CHECKS: tuple[tuple[Callable[[], Check], str], ...] = (
    (python, ""),
    (lightning, "lightning"),
    (threads, "torch"),
    (gpu, ""),
    (mujoco, "mujoco"),
    (gl, ""),
    (pybullet, ""),
    (images, "imageio pillow"),
    (disk, ""),
    (shared_memory, ""),
)
