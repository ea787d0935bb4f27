"""Commands beside this one: one that SIGTERM stopped stops what follows, and all end with the one that started them."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from hyperdyn.commands import beside
from hyperdyn.errors import PREEMPTED

Started = list[str]


def python(source: str) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE)


@pytest.fixture
def starting(monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, str]], Started]:
    """Makes each command the Python source of its name; what was started is noted."""

    def replace(sources: dict[str, str]) -> Started:
        started: Started = []

        def start(arguments: Sequence[str], log: Path, threads: int) -> subprocess.Popen[bytes]:
            started.append(arguments[0])
            return python(sources[arguments[0]])

        monkeypatch.setattr(beside, "_start", start)
        return started

    return replace


@pytest.mark.parametrize("end", ["sys.exit(143)", "os.kill(os.getpid(), signal.SIGTERM)"])
def test_after_a_command_that_sigterm_stopped_nothing_more_is_started(
    starting: Callable[[dict[str, str]], Started], tmp_path: Path, capsys: pytest.CaptureFixture[str], end: str
) -> None:
    """Neither the next of another name, nor another name; what runs already may end, and is told."""
    sources = {
        "stopped": f"import os, signal, sys; {end}",
        "long": "import time; time.sleep(0.5)",
        "next": "",
        "new": "",
    }
    started = starting(sources)
    lines = {"a": [["stopped"], ["next"]], "b": [["long"]], "c": [["long"], ["next"]], "d": [["new"]]}
    ended: list[object] = []
    with pytest.raises(SystemExit) as caught:
        ended.extend(beside.all_beside(lines, {name: tmp_path / name for name in lines}, 3, 1))
    assert caught.value.code == PREEMPTED
    assert started == ["stopped", "long", "long"]
    assert ended == [("b", None)]
    assert "a was stopped by SIGTERM" in capsys.readouterr().out


def test_waiting_for_a_command_that_sigterm_stopped_stops_too(
    starting: Callable[[dict[str, str]], Started], tmp_path: Path
) -> None:
    starting({"train": "import sys; sys.exit(143)"})
    with pytest.raises(SystemExit) as caught, beside.beside(["train"], tmp_path / "log", 1) as wait:
        wait()
    assert caught.value.code == PREEMPTED


def test_what_ignores_an_interrupt_is_terminated(monkeypatch: pytest.MonkeyPatch) -> None:
    """As whatever a shell script starts in the background does."""
    monkeypatch.setattr(beside, "GRACE", 0.2, raising=False)
    deaf = "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); print(flush=True); time.sleep(20)"
    process = python(deaf)
    assert process.stdout is not None
    process.stdout.readline()
    beside._end([process])
    assert process.returncode == -signal.SIGTERM
