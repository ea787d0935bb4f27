"""The three ways to plug an environment in, each as a user would: a YAML file, a package, a Family object."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf

import hyperdyn
from hyperdyn import config
from hyperdyn.cli import main
from hyperdyn.commands import collect as collecting
from hyperdyn.errors import ConfigError

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
SMALL = (
    "systems.train=8 systems.interpolation=2 systems.extrapolation=2 episodes=4 steps=40 workers=0",
    "trainer=cpu trainer.max_steps=3 data.systems=4 data.rows=4 data.horizon=4 'data.history_sizes=[0,4]'"
    " 'model.hidden=[8]' callbacks.rollout_error=null callbacks.rollout_figures=null callbacks.code_embedding=null"
    " callbacks.planning_return=null callbacks.videos=null",
)
RUN = """
import json, sys
from hyperdyn.cli import main
for args in json.loads(sys.argv[1]):
    code = main(args)
    assert code == 0, (args, code)
"""


def python(folder: Path, *args: str, path: Path | None = None) -> str:
    """What a fresh interpreter in a folder printed, with `path` in front of its modules."""
    env = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "PYTHONPATH": str(path or "")}
    run = subprocess.run([sys.executable, *args], cwd=folder, env=env, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr + run.stdout
    return run.stdout


def test_a_file_goes_from_collection_to_planning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Two choices for an action, early ends, and no line of code; afterwards the file is not needed."""
    file = shutil.copy(EXAMPLES / "gymnasium" / "cart_pole.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    for command in (f"collect env=cart_pole.yaml {SMALL[0]}", f"train env={file} model=fixed {SMALL[1]}"):
        assert main(shlex.split(command)) == 0
    Path(file).unlink()
    plan = "planner.candidates=16 planner.iterations=1 planner.horizon=3 systems=2 steps=4 workers=0"
    assert main(shlex.split(f"plan runs/cart_pole-fixed {plan}")) == 0
    assert main(shlex.split("evaluate runs/cart_pole-fixed rows=2 horizon=2 'history_sizes=[0,4]'")) == 0
    results = json.loads((tmp_path / "runs/cart_pole-fixed/results.json").read_text())
    assert {r["method"] for r in results["planning"]} == {"random", "fixed", "simulator"}
    assert main(shlex.split(f"collect env=pendulum data_dir=other {SMALL[0]}")) == 0
    assert main(["evaluate", "runs/cart_pole-fixed", "data_dir=other"]) == 1
    assert (
        "of different families\n  got:      episodes of pendulum\n  expected: of cart_pole" in capsys.readouterr().err
    )
    assert json.loads((tmp_path / "runs/cart_pole-fixed/results.json").read_text()) == results
    lengths = [n for line in (tmp_path / "data/cart_pole/manifest.json").read_text().split('"lengths"')[1:] for n in
               re.findall(r"\d+", line.partition("]")[0])]  # fmt: skip
    assert min(map(int, lengths)) < 40
    saved = OmegaConf.load(tmp_path / "runs/cart_pole-fixed/config.yaml")
    assert f"env={file}" in saved.overrides  # type: ignore[union-attr]


def test_a_family_is_explored_by_its_own_behaviour_unless_another_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    acted: list[str] = []
    nothing = SimpleNamespace(infos=lambda split: [], root="")
    monkeypatch.setattr(
        collecting, "collect", lambda *_, behaviour, **__: acted.append(type(behaviour).__name__) or nothing
    )
    for asked in ([], ["behaviour=held_uniform"]):
        assert (
            main(["collect", "env=pushing_outline", "systems.interpolation=0", "systems.extrapolation=0", *asked]) == 0
        )
    assert acted == ["RandomPushes", "HeldUniform"]


def test_a_file_is_an_option_of_any_group_and_no_rival_of_one_that_is_there(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        text = (EXAMPLES / "gymnasium" / "moon_pendulum.yaml").read_text().replace("moon_pendulum", name)
        (tmp_path / name / "pendulum.yaml").write_text(text)
    names = [config.compose("collect", [f"env={tmp_path}/{n}/pendulum.yaml"]).env.name for n in ("one", "two", "one")]
    assert names == ["one", "two", "one"]
    assert config.compose("collect", ["env=pendulum"]).env.name == "pendulum"
    config.check_sweep("collect", [f"env={tmp_path}/one/pendulum.yaml,{tmp_path}/two/pendulum.yaml,pendulum"])
    (tmp_path / "mine.yaml").write_text("_target_: my.Planner\nhorizon: 3\n")
    cfg = config.compose("plan", [f"planner={tmp_path}/mine.yaml", "planner.horizon=4"])
    assert (cfg.planner._target_, cfg.planner.horizon) == ("my.Planner", 4)


def test_a_file_whose_content_belongs_elsewhere_says_so_and_is_heard(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text(
        "# @package _global_\ndefaults:\n  - override /env: pendulum\n  - _self_\ntrainer: {max_steps: 77}\n"
    )
    cfg = config.compose("train", [f"experiment={tmp_path}/mine.yaml"])
    assert (cfg.env.name, cfg.trainer.max_steps) == ("pendulum", 77)
    assert "experiment" not in cfg


def test_a_file_that_is_not_there_or_no_yaml_is_an_error_that_says_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        config.compose("collect", [f"env={tmp_path}/none.yaml"])
    (tmp_path / "bad.yaml").write_text("a: [")
    with pytest.raises(ConfigError, match="cannot be read"):
        config.compose("collect", [f"env={tmp_path}/bad.yaml"])


def test_check_env_exits_with_1_and_names_all_faults(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    good = (EXAMPLES / "gymnasium" / "moon_pendulum.yaml").read_text()
    bad = good.replace("[1.6, 4]", "[11, 13]").replace("0.1 * obs['speed']**2", "obs['speed']**2")
    (tmp_path / "bad.yaml").write_text(f"{bad}\ndt: 0.1\n")
    monkeypatch.chdir(tmp_path)
    assert main(["check-env", "bad.yaml", "worker=false"]) == 1
    printed = capsys.readouterr()
    found = [line for line in printed.out.splitlines() if line.startswith("fault: ")]
    assert found == [
        "fault: splits of factor 'g'",
        "fault: dt disagrees with the environment",
        "fault: the objective disagrees with the reward",
    ]
    assert "faults: 3" in printed.err
    assert main(["check-env", str(EXAMPLES / "gymnasium" / "moon_pendulum.yaml"), "worker=false"]) == 0


def test_check_env_names_the_faults_of_all_factors_and_looks_at_the_environment_all_the_same(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = (EXAMPLES / "gymnasium" / "moon_pendulum.yaml").read_text()
    bad = good.replace("unit: m/s^2, ", "").replace(
        "factors:\n",
        "factors:\n  m: {unit: kg, nominal: 1, trian: [1]}\n  l: 1\n  max_speed: {unit: '1', nominal: 8, train: 8}\n",
    )
    (tmp_path / "bad.yaml").write_text(f"{bad}\ndt: 0.1\nattributes: {{m: m, l: l, max_speed: max_speed}}\n")
    assert main(["check-env", f"{tmp_path}/bad.yaml", "worker=false"]) == 1
    found = {
        line.removeprefix("fault: ") for line in capsys.readouterr().out.splitlines() if line.startswith("fault: ")
    }
    assert found == {
        "a field is missing in factor 'm'",
        "unknown field in factor 'm'",
        "factor 'l' is no list of fields",
        "splits of factor 'max_speed'",
        "a field is missing in factor 'g'",
        *(f"factor '{name}' never varies" for name in ("m", "l", "max_speed")),
        "dt disagrees with the environment",
    }


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The example package, built from a copy and installed into a folder of its own."""
    copy = tmp_path_factory.mktemp("source") / "my_envs"
    shutil.copytree(EXAMPLES / "my_envs", copy, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info"))
    target = tmp_path_factory.mktemp("site")
    options = ["--no-deps", "--no-build-isolation", "--no-index", "-q", "--target", str(target)]
    subprocess.run([sys.executable, "-m", "pip", "install", *options, str(copy)], check=True, capture_output=True)
    return target


def test_an_installed_package_adds_its_options(site: Path, tmp_path: Path) -> None:
    commands = ["--help", "train --help", f"collect env=viscous_swimmer {SMALL[0]}"]
    commands += [f"train env=viscous_swimmer {SMALL[1]}", "check-env viscous_swimmer"]
    out = python(tmp_path, "-c", RUN, json.dumps([shlex.split(c) for c in commands]), path=site)
    first, second = (part for part in re.findall(r"^  env +(.*(?:\n {14}.*)*)", out, re.M))
    assert "viscous_swimmer" in first
    assert "viscous_swimmer" in second
    assert "'viscous_swimmer' keeps what it declares" in out
    assert (tmp_path / "runs" / "viscous_swimmer-hyper" / "checkpoints" / "last.ckpt").is_file()


def test_the_packages_own_test_passes(site: Path, tmp_path: Path) -> None:
    test = EXAMPLES / "my_envs" / "tests" / "test_viscous_swimmer.py"
    shutil.copy(test, tmp_path)
    assert "1 passed" in python(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", test.name, path=site)


def test_without_the_package_there_is_no_such_option() -> None:
    with pytest.raises(ConfigError, match="no option 'viscous_swimmer'"):
        config.compose("train", ["env=viscous_swimmer"])
    with pytest.raises(ConfigError, match="unknown environment family"):
        hyperdyn.family("viscous_swimmer")


def test_a_family_object_goes_through_what_the_commands_call(tmp_path: Path) -> None:
    """The script of docs/extending.md, as it is shown."""
    scripts = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "extending.md").read_text(), re.S)
    (script,) = [s for s in scripts if "gymnasium_family(" in s]
    assert len(script.strip().splitlines()) < 30
    (tmp_path / "script.py").write_text(script)
    out = python(tmp_path, "script.py")
    assert "return" in out
    assert main(["plan", str(tmp_path / "runs" / "object"), "systems=1"]) == 1


def test_a_configuration_of_another_family_than_the_one_given_is_an_error(tmp_path: Path) -> None:
    from hyperdyn.train import train

    cfg = config.compose("train", ["env=pendulum", f"run_dir={tmp_path}"])
    with pytest.raises(ConfigError, match="another family"):
        train(cfg, hyperdyn.family("cheetah_mix"))
