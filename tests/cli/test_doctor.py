"""doctor tells what is there, and what to paste where something is missing."""

from __future__ import annotations

import subprocess
import sys
from types import SimpleNamespace

import pytest
import torch

from hyperdyn import doctor
from hyperdyn.doctor import Check


def verdict(monkeypatch: pytest.MonkeyPatch, *checks: Check) -> int:
    monkeypatch.setattr(doctor, "CHECKS", tuple(((lambda c=c: c), "") for c in checks))  # type: ignore[misc]
    return doctor.main()


def test_a_missing_extra_is_no_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict(monkeypatch, Check("a", True, "1.0"), Check("b", False, "missing", "pip install b")) == 0
    out = capsys.readouterr().out
    assert "  pip install b    # b" in out
    assert "can run here" in out


def test_a_missing_need_is_a_failure(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert verdict(monkeypatch, Check("a", False, "missing", "pip install a", needed=True)) == 1
    assert "FAIL  a" in capsys.readouterr().out


def test_a_fix_is_shown_only_where_something_is_wrong(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verdict(monkeypatch, Check("a", True, "1.0", "pip install a"))
    assert "pip install" not in capsys.readouterr().out


def test_a_broken_package_does_not_stop_the_other_checks() -> None:
    def broken() -> Check:
        raise ImportError("libfoo.so: cannot open\nmore")

    check = doctor.examined(broken, "mujoco")
    assert (check.ok, check.needed) == (False, True)
    assert "libfoo.so: cannot open" in check.found
    assert check.fix.endswith("--force-reinstall mujoco")
    assert not doctor.examined(broken, "").needed


def test_more_threads_than_cores_are_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1}, raising=False)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 8)
    check = doctor.threads()
    assert not check.ok
    assert "OMP_NUM_THREADS=2" in check.fix


def test_a_gpu_that_torch_cannot_use_is_pointed_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr("shutil.which", lambda name: "nvidia-smi")
    monkeypatch.setattr(torch.version, "cuda", None)
    assert "torch==" in doctor.gpu().fix
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert doctor.gpu().ok


def test_harmful_releases_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "version", lambda name: {"lightning": "2.6.3", "mujoco": "4.0.0"}[name])
    assert not doctor.lightning().ok
    assert not doctor.mujoco().ok
    assert doctor.mujoco().needed


def test_without_gl_the_fix_names_the_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: SimpleNamespace(returncode=-6))
    check = doctor.gl()
    assert not check.ok
    assert not check.needed
    assert "apt-get install -y libegl1 libosmesa6" in check.fix


def test_this_machine_passes() -> None:
    run = subprocess.run([sys.executable, "-m", "hyperdyn", "doctor"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    for name in ("Python", "torch", "MuJoCo", "PyBullet", "/dev/shm"):
        assert name in run.stdout
