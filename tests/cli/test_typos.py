"""Whatever is mistyped, the answer names the nearest valid thing."""

from __future__ import annotations

from pathlib import Path

import pytest

from hyperdyn import config
from hyperdyn.errors import ConfigError


@pytest.mark.parametrize(
    ("command", "override", "meant"),
    [
        ("plan", "planer=cem", "planner"),  # a group
        ("plan", "planner=icm", "icem"),  # an option
        ("collect", "env=cheeta_mix", "cheetah_mix"),
        ("collect", "env=[cheeta_mix]", "cheetah_mix"),
        ("plan", "planner.candidtes=10", "planner.candidates"),  # a nested key
        ("plan", "histroy=4", "history"),  # a key at the top
        ("plan", "candidates=10", "planner.candidates"),  # a key of another level
        ("plan", "~planer", "planner"),  # a deletion
        ("collect", "systems.trian=3", "systems.train"),
        ("train", "hidden=[8]", "model.hidden"),
        ("train", "module.learning_rte=1", "module"),
    ],
)
def test_a_typo_names_the_nearest(command: str, override: str, meant: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.compose(command, [override])
    assert f"did you mean '{meant}'" in str(caught.value) or f"in '{meant}' there are" in str(caught.value)
    assert override in str(caught.value)


def test_the_override_at_fault_is_found_among_good_ones() -> None:
    with pytest.raises(ConfigError, match=r"got: *planner\.horzon=3\n"):
        config.compose("plan", ["planner=icem", "runs=[a]", "planner.horzon=3", "+extra.key=1"])


def test_a_group_that_another_command_has_is_refused_by_name() -> None:
    with pytest.raises(ConfigError, match="'plan' does not take the group 'model'"):
        config.compose("plan", ["model=hyper"])


@pytest.mark.parametrize(
    ("override", "fix"),
    [
        ("planner", "KEY=VALUE"),
        ("runs=[a", "quote"),
        ("steps=1,2", "--multirun"),
        ("+steps=1", "leave out the"),
        ("planner=null", None),
    ],
)
def test_other_mistakes_are_explained(override: str, fix: str | None) -> None:
    with pytest.raises(ConfigError, match=fix):
        config.compose("plan", [override])


def test_what_is_not_a_mistake_is_not_refused() -> None:
    cfg = config.compose("plan", ["planner=icem", "planner.horizon=3", "+planner.new=1", "++history=2", "~splits"])
    assert (cfg.planner.horizon, cfg.planner.new, cfg.history) == (3, 1, 2)
    assert "splits" not in cfg


def test_a_sweep_with_a_typo_stops_before_its_first_job() -> None:
    with pytest.raises(ConfigError, match="did you mean 'icem'"):
        config.check_sweep("plan", ["planner=cem,icm", "steps=range(1,3)"])
    config.check_sweep("plan", ["planner=cem,icem", "steps=range(1,3)", "history=choice(1,2)"])


def test_a_file_that_is_no_yaml_is_named(tmp_path: Path) -> None:
    (tmp_path / "planner").mkdir()
    (tmp_path / "planner" / "broken.yaml").write_text("a: 1\na: 2\n")
    with pytest.raises(ConfigError, match=r"broken\.yaml"):
        config.compose("plan", [f"hydra.searchpath=[file://{tmp_path}]", "planner=broken"])


def test_a_typo_beside_an_option_of_another_package_is_found(tmp_path: Path) -> None:
    (tmp_path / "planner").mkdir()
    (tmp_path / "planner" / "mine.yaml").write_text("horizon: 1\n")
    with pytest.raises(ConfigError, match=r"did you mean 'planner\.horizon'"):
        config.compose("plan", [f"hydra.searchpath=[file://{tmp_path}]", "planner=mine", "planner.horzon=2"])
