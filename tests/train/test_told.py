"""Who is told the true factors is shown systems as they are."""

from pathlib import Path

import pytest
from omegaconf import OmegaConf

from hyperdyn.commands import train as command
from hyperdyn.config import compose
from hyperdyn.errors import ConfigError
from hyperdyn.train import check_told, train

SMALL = ["env=pendulum", "trainer=cpu", "trainer.max_steps=1", "~callbacks", "data.systems=1", "data.rows=1"]
COLLECTED = "collect=[['systems.train=1','systems.interpolation=0','systems.extrapolation=0','episodes=2']]"
MODELS = sorted((Path(__file__).parents[2] / "conf" / "model").glob("*.yaml"))


def test_a_method_that_is_told_the_factors_is_refused_what_changes_the_object() -> None:
    cfg, refused = compose("train", ["experiment=pushing"]), []
    assert list(cfg.data.augment) == ["turn", "mirror"]
    for path in MODELS:
        cfg.model = OmegaConf.load(path)
        try:
            check_told(cfg)
        except ConfigError:
            refused.append(path.stem)
    assert refused == ["experts", "oracle", "oracle_concat", "system_experts"]
    cfg.data.augment = []
    check_told(cfg)


def test_it_is_refused_before_anything_is_collected_or_trained(tmp_path: Path) -> None:
    told = [*SMALL, "model=oracle", "data.augment=[turn]", f"data_dir={tmp_path}/data", f"run_dir={tmp_path}/run"]
    with pytest.raises(ConfigError, match=r"(?s)true factors.*augment=\[turn\].*fix: *data\.augment=\[\]"):
        command.run(compose("train", [*told, COLLECTED]))
    with pytest.raises(ConfigError, match="true factors"):
        train(compose("train", told))
    assert not list(tmp_path.iterdir())
