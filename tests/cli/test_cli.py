"""The command line as a user meets it: help, exit codes, errors without tracebacks, Ctrl-C, sweeps."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hydra.errors import InstantiationException

from hyperdyn import cli, config
from hyperdyn.errors import HyperdynError, ShardError


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Configurations that commands were called with; nothing is run."""
    seen: list[Any] = []
    monkeypatch.setattr(cli, "_function", lambda name: seen.append)
    return seen


def raising(monkeypatch: pytest.MonkeyPatch, error: BaseException, cause: BaseException | None = None) -> None:
    def run(cfg: Any) -> None:
        raise error from cause

    monkeypatch.setattr(cli, "_function", lambda name: run)


def test_overview_lists_commands_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    for args in ([], ["--help"], ["help"]):
        assert cli.main(args) == 0
        out = capsys.readouterr().out
        assert all(f"  {name} " in out for name in cli.COMMANDS)
        assert "cheetah_mix" in out
        assert "random_shooting" in out


@pytest.mark.parametrize("name", cli.COMMANDS)
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([name, "--help"]) == 0
    assert cli.COMMANDS[name].about in capsys.readouterr().out


def test_help_shows_the_flag_that_takes_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["adapt", "--help"]) == 0
    assert "--checkpoint RUN" in capsys.readouterr().out


def test_help_of_a_command_shows_the_overridden_configuration(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "planner=icem", "history=7", "--help"]) == 0
    out = capsys.readouterr().out
    assert "icem*" in out
    assert "history: 7" in out


def test_overview_loads_no_heavy_package() -> None:
    code = (
        "import sys; from hyperdyn.cli import main; main(['--help']); assert not {'torch', 'mujoco'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)


def test_an_override_reaches_the_command(calls: list[Any]) -> None:
    assert cli.main(["collect", "env=pendulum", "systems.train=3", "seed=5"]) == 0
    (cfg,) = calls
    assert (cfg.env.name, cfg.systems.train, cfg.seed, cfg.data_dir) == ("pendulum", 3, 5, "data/pendulum")


@pytest.mark.parametrize("name", ["a", "with space", "it's", "sweep/model=hyper,seed=0"])
def test_bare_arguments_are_paths(name: str, calls: list[Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path(name).mkdir(parents=True)
    assert cli.main(["evaluate", name, "other", "seed=1"]) == 0
    assert cli.main(["verify", name]) == 0
    assert list(calls[0].runs) == [name, "other"]
    assert calls[1].data_dir == name


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["trian"], "did you mean 'train'"),
        (["plan", "--seed", "1"], "there is no option --seed"),
        (["plan"], "'plan' needs runs"),
        (["verify"], "hyperdyn verify data/"),
        (["check-env"], "one of ant_cripple, ant_slope, cheetah_cripple"),
        (["plan", "a", "cache='${x}'"], "Interpolation key 'x' not found"),
        (["plan", "a", "planer=cem"], "did you mean 'planner'"),
        (["plan", "-m", "a", "planner=cem,icm"], "did you mean 'icem'"),
    ],
)
def test_a_mistake_is_answered_in_words(
    args: list[str], said: str, calls: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(args) == 1
    captured = capsys.readouterr()
    assert said in captured.err
    assert "Traceback" not in captured.err
    assert not calls


def test_an_error_for_the_user_has_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    raising(monkeypatch, InstantiationException("Error in call to target"), ShardError("shard 3 is bad", fix="mend it"))
    assert cli.main(["verify", "somewhere"]) == 1
    assert capsys.readouterr().err == "error: shard 3 is bad\n  fix:      mend it\n"


def test_debugging_shows_where_it_came_from(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, ShardError("bad"))
    monkeypatch.setenv("HYPERDYN_DEBUG", "1")
    with pytest.raises(HyperdynError):
        cli.main(["verify", "somewhere"])


def test_a_mistake_of_ours_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    raising(monkeypatch, AssertionError("ours"))
    with pytest.raises(AssertionError):
        cli.main(["verify", "somewhere"])


@pytest.mark.parametrize("through_lightning", [False, True])
def test_ctrl_c_says_how_to_continue(
    through_lightning: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(cfg: Any) -> None:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            if through_lightning:
                sys.exit(1)
            raise

    monkeypatch.setattr(cli, "_function", lambda name: run)
    assert cli.main(["train", "seed=1"]) == 130
    assert "hyperdyn train seed=1 ckpt=last" in capsys.readouterr().err
    assert cli.main(["verify", "a folder"]) == 130
    assert "hyperdyn verify 'a folder'\n" in capsys.readouterr().err


def test_a_sweep_goes_on_in_its_own_folder(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(name: str, overrides: list[str], run: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(config, "sweep", stop)
    assert cli.main(["train", "-m", "seed=1,2"]) == 130
    again = re.search(r"To continue: (.*)\n", capsys.readouterr().err)
    assert again is not None
    assert re.fullmatch(r"hyperdyn train -m seed=1,2 hydra\.sweep\.dir=runs/sweep-[\d_-]+ ckpt=last", again[1])
    assert cli.main(again[1].split()[1:]) == 130
    assert f"To continue: {again[1]}\n" in capsys.readouterr().err


def test_a_sweep_without_what_the_command_needs_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["plan", "-m", "planner=cem,icem"]) == 1
    assert "'plan' needs runs" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["plan runs=r", "change runs=r", "adapt r log.csv", "export r out=o", "report r"])
def test_a_seed_is_no_key_where_nothing_is_drawn(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([*command.split(), "seed=7"]) == 1
    assert "there is no key 'seed'" in capsys.readouterr().err


SWEEP = """
import json, sys
from pathlib import Path
from hyperdyn import cli, config
from hyperdyn.errors import ConfigError

def run(cfg):
    if cfg.seed == 2:
        raise ConfigError("seed 2 is unlucky")
    Path(cfg.run_dir).mkdir(parents=True, exist_ok=True)
    (Path(cfg.run_dir) / "seen.json").write_text(json.dumps([cfg.seed, cfg.name, cfg.env.name]))

cli._function = lambda name: run
sys.exit(cli.main(["train", "--multirun", "env=pendulum", "hydra.sweep.dir=runs/s", *sys.argv[1:]]))
"""


def test_a_sweep_runs_every_combination_in_a_folder_of_its_own(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", SWEEP, "seed=0,1", "model=hyper,fixed"], cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    found = {p.parent.name: json.loads(p.read_text()) for p in (tmp_path / "runs" / "s").glob("*/seen.json")}
    assert len(found) == 4
    assert found["model=fixed,seed=1"] == [1, "pendulum-fixed", "pendulum"]  # not what all jobs share
    left = {p.name for p in tmp_path.rglob("*") if p.is_file()}
    assert left == {"seen.json", "multirun.yaml"}


def test_a_sweep_of_one_job_has_a_folder_too(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", SWEEP, "seed=4"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert json.loads((tmp_path / "runs" / "s" / "0" / "seen.json").read_text())[0] == 4


def test_an_error_in_a_sweep_has_no_traceback(tmp_path: Path) -> None:
    run = subprocess.run([sys.executable, "-c", SWEEP, "seed=1,2"], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 1
    assert "error: seed 2 is unlucky" in run.stderr
    assert "Traceback" not in run.stderr
    assert len(list(tmp_path.rglob("seen.json"))) == 1


def test_the_module_runs_as_the_command_does() -> None:
    run = subprocess.run([sys.executable, "-m", "hyperdyn", "--version"], capture_output=True, text=True, check=True)
    assert run.stdout.startswith("hyperdyn ")
