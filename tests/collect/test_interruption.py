"""A collection that is stopped, by whatever, loses nothing, and goes on."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from hyperdyn.behaviour.ornstein_uhlenbeck import OrnsteinUhlenbeck
from hyperdyn.collect import collect
from hyperdyn.envs import load
from hyperdyn.shards import ShardStore

# Storing takes its time: however late the tests come to look after the third shard, the collection is still at work.
PROGRAM = """
import signal
import sys
import time
from hyperdyn.behaviour.ornstein_uhlenbeck import OrnsteinUhlenbeck
from hyperdyn.collect import collect
from hyperdyn.envs import load
from hyperdyn.shards import ShardStore

store = ShardStore.append

def slowly(self, *args, **kwargs):
    time.sleep(0.2)
    return store(self, *args, **kwargs)

if __name__ == "__main__":
    ShardStore.append = slowly
    signal.signal(signal.SIGINT, signal.default_int_handler)  # whoever runs the tests may have had it ignored
    collect(
        load("cheetah_mix"), sys.argv[1], split="train", systems=60, episodes=2, steps=60,
        behaviour=OrnsteinUhlenbeck(), workers=int(sys.argv[2]),
    )
"""


def finish(root: Path) -> dict[str, str]:
    """The same collection in this process: file to digest."""
    behaviour = OrnsteinUhlenbeck()
    store = collect(
        load("cheetah_mix"),
        root,
        split="train",
        systems=60,
        episodes=2,
        steps=60,
        behaviour=behaviour,
        progress=False,
    )
    assert store.verify() == []
    return {i.file: i.sha256 for i in store.infos()}


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return finish(tmp_path_factory.mktemp("uninterrupted"))


@pytest.fixture
def started(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[subprocess.Popen[str]]:
    """The collection in a process group of its own, some shards done."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    process = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "data"), str(request.param)],
        start_new_session=True,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 120
    while len(list((tmp_path / "data").glob("train/*.safetensors"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.002)
    yield process
    process.kill()
    process.communicate()


def children(process: subprocess.Popen[str]) -> list[int]:
    """The processes that it started."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # one that has just ended
            if stat.read_text().rpartition(")")[2].split()[1] == str(process.pid):
                found.append(int(stat.parent.name))
    return found


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_end(processes: list[int]) -> bool:
    """Whether these are gone soon."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if not any(alive(pid) for pid in processes):
            return True
        time.sleep(0.02)
    return False


@pytest.mark.parametrize("started", [0, 2], indirect=True)
def test_ctrl_c_leaves_whole_shards_and_nothing_else(
    tmp_path: Path, started: subprocess.Popen[str], uninterrupted: dict[str, str]
) -> None:
    workers = children(started)
    os.killpg(started.pid, signal.SIGINT)  # as a terminal does
    _, said = started.communicate(timeout=60)
    assert started.returncode != 0
    assert said.count("Traceback") == 1, said  # that of the one process that was asked to stop
    assert said.rstrip().endswith("KeyboardInterrupt")
    assert all_end(workers)
    store = ShardStore.open(tmp_path / "data")
    assert 0 < len(store) < 60
    assert store.verify() == []
    assert [p for p in (tmp_path / "data").rglob("*") if ".partial-" in p.name] == []
    assert finish(tmp_path / "data") == uninterrupted


@pytest.mark.parametrize("started", [1], indirect=True)
def test_a_killed_collection_goes_on_and_its_workers_do_not(
    tmp_path: Path, started: subprocess.Popen[str], uninterrupted: dict[str, str]
) -> None:
    workers = children(started)
    assert workers
    started.kill()  # the parent alone
    started.wait()
    assert all_end(workers)
    assert 0 < len(ShardStore.open(tmp_path / "data")) < 60
    assert finish(tmp_path / "data") == uninterrupted


@pytest.mark.parametrize("started", [0], indirect=True)
def test_two_collectors_on_one_folder(
    tmp_path: Path, started: subprocess.Popen[str], uninterrupted: dict[str, str]
) -> None:
    assert started.poll() is None  # both are at work
    assert finish(tmp_path / "data") == uninterrupted
    _, said = started.communicate(timeout=60)
    assert started.returncode == 0, said
    store = ShardStore.open(tmp_path / "data")
    assert {i.file: i.sha256 for i in store.infos()} == uninterrupted
    assert store.verify() == []
