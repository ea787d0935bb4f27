"""Every configuration composes, alone, inside another Hydra session and with every option of every group."""

from __future__ import annotations

from pathlib import Path

import hydra
import pytest
from hydra.core.global_hydra import GlobalHydra
from omegaconf import OmegaConf

from hyperdyn import config
from hyperdyn.cli import COMMANDS
from hyperdyn.diagnose import GROUPS

CONF = Path(__file__).parents[2] / "conf"
CONFIGURED = [name for name in COMMANDS if name != "doctor"]
OPTIONS = [(g, p.stem) for g in GROUPS for p in sorted((CONF / g).glob("*.yaml"))]
HOME = {"planner": "plan", "suite": "bench", **dict.fromkeys(("model", "data", "callbacks", "trainer"), "train")}
"""The command on which an option is tried; `collect` for groups that are not named."""


@pytest.mark.parametrize("name", CONFIGURED)
def test_every_command_composes_and_resolves(name: str) -> None:
    cfg = config.compose(name)
    for key in OmegaConf.missing_keys(cfg):
        OmegaConf.update(cfg, key, "given")
    OmegaConf.to_container(cfg, resolve=True)
    assert "hydra" not in cfg


@pytest.mark.parametrize(("group", "option"), OPTIONS)
def test_every_option_of_every_group_composes(group: str, option: str) -> None:
    command = HOME.get(group, "train" if group in ("experiment", "debug") else "collect")
    config.compose(command, [f"{group}={option}"])


def test_every_folder_of_conf_is_a_known_group() -> None:
    folders = {p.name for p in CONF.iterdir() if p.is_dir() and any(p.glob("*.yaml"))}
    assert folders <= {*GROUPS, "demo"}  # chosen by env


def test_every_yaml_says_what_it_is_for() -> None:
    """Top-level files; the first line is what a reader sees."""
    for path in CONF.glob("*.yaml"):
        assert path.read_text().startswith("# "), path


def test_a_run_is_named_by_family_and_method() -> None:
    cfg = config.compose("train", ["env=pendulum", "model=fixed"])
    assert (cfg.name, cfg.run_dir, cfg.data_dir) == ("pendulum-fixed", "runs/pendulum-fixed", "data/pendulum")
    assert config.compose("train", ["name=mine"]).run_dir == "runs/mine"
    assert config.compose("train", ["run_dir=/elsewhere"]).run_dir == "/elsewhere"


def test_composing_leaves_an_outer_session_as_it_was() -> None:
    with hydra.initialize_config_module("hyperdyn.conf", version_base="1.3"):
        outer = GlobalHydra.instance().hydra
        config.compose("plan")
        assert GlobalHydra.instance().hydra is outer
    GlobalHydra.instance().clear()
    config.compose("plan")
    assert not GlobalHydra.instance().is_initialized()


def test_another_package_adds_options(tmp_path: Path) -> None:
    (tmp_path / "planner").mkdir()
    (tmp_path / "planner" / "mine.yaml").write_text("_target_: my.Planner\n")
    cfg = config.compose("plan", [f"hydra.searchpath=[file://{tmp_path}]", "planner=mine"])
    assert cfg.planner._target_ == "my.Planner"
