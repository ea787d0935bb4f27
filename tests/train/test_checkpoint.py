"""Loading what a run left, and refusing what it did not."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from omegaconf import OmegaConf

from hyperdyn import build
from hyperdyn.checkpoint import load, read_checkpoint
from hyperdyn.envs.spec import Family
from hyperdyn.errors import CheckpointError, ConfigError
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.module import CHECKPOINT_VERSION
from hyperdyn.types import Context

MODEL = {
    "_target_": "hyperdyn.models.hyper.Hyper",
    "hidden": [8],
    "encoder": {"_target_": "hyperdyn.nn.encoders.information.InformationEncoder", "_partial_": True},
}


def content(family: Family, **changes: Any) -> tuple[AbstractDynamics, dict[str, Any]]:
    recipe = build.recipe(MODEL, family)
    model = build.model(recipe)
    state = {f"model.{k}": v for k, v in model.state_dict().items()}
    return model, {"hyperdyn": {"version": CHECKPOINT_VERSION, **recipe, **changes}, "state_dict": state}


def test_a_loaded_model_is_the_saved_one(point_mass: Family, tmp_path: Path) -> None:
    model, checkpoint = content(point_mass)
    torch.save(checkpoint, tmp_path / "a.ckpt")
    loaded = load(tmp_path / "a.ckpt")
    context = Context.empty(3, point_mass.state)
    assert not loaded.training
    assert torch.equal(loaded.adapt(context).theta, model.adapt(context).theta)  # type: ignore[arg-type]


def test_a_privileged_model_is_rebuilt_with_the_ranges_it_was_told(point_mass: Family) -> None:
    recipe = build.recipe({"_target_": "hyperdyn.models.oracle.Oracle", "hidden": [8]}, point_mass)
    assert recipe["model"]["factor_ranges"] == [[0.5, 2.0], [0.1, 1.0]]
    assert build.model(recipe).privileged


@pytest.mark.parametrize(
    "target",
    [
        "os.system",
        "torch.nn.Linear",
        "hyperdyn.checkpoint.torch.load",
        "hyperdyn.module.LightningModule",
        "hyperdyn.shards.store.ShardStore",
        "hyperdyn.files.write_whole",
        "hyperdyn.shards.fork.shutil.copyfile",
        "hyperdyn.nn.encoders.nothing.Nothing",
    ],
)
def test_nothing_but_our_network_classes_is_built(target: str, point_mass: Family, tmp_path: Path) -> None:
    _, checkpoint = content(point_mass, model={**MODEL, "encoder": {"_target_": target}})
    torch.save(checkpoint, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="no network class of a trusted package"):
        load(tmp_path / "a.ckpt")


@pytest.mark.parametrize("where", ["hidden", "encoder"])
def test_a_recipe_that_refers_to_something_is_refused_before_anything_is_looked_up(
    where: str, point_mass: Family, tmp_path: Path
) -> None:
    """An interpolation may become a `_target_` when all of them have been checked."""
    path = f"{{_target_:pathlib.Path,_args_:['{tmp_path / 't'}']}}"
    touch = "${oc.create:{_target_:pathlib.Path.touch,self:" + path + "}}"
    _, checkpoint = content(point_mass, model={**MODEL, where: touch})
    torch.save(checkpoint, tmp_path / "a.ckpt")
    with pytest.raises(CheckpointError, match="looked up"):
        load(tmp_path / "a.ckpt")
    assert not (tmp_path / "t").exists()


class Malice:
    def __reduce__(self) -> Any:
        return (Path.touch, (Path("touched"),))


def test_a_pickle_is_refused_without_being_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.ckpt").write_bytes(pickle.dumps({"hyperdyn": Malice()}))
    with pytest.raises(CheckpointError, match="cannot read"):
        read_checkpoint(tmp_path / "a.ckpt")
    assert not (tmp_path / "touched").exists()


def test_every_file_that_is_not_ours_gets_its_own_message(point_mass: Family, tmp_path: Path) -> None:
    file = tmp_path / "a.ckpt"
    with pytest.raises(CheckpointError, match="no checkpoint"):
        read_checkpoint(file)
    torch.save({"state_dict": {}}, file)
    with pytest.raises(CheckpointError, match="not written by hyperdyn"):
        read_checkpoint(file)
    _, checkpoint = content(point_mass, version=999)
    torch.save(checkpoint, file)
    with pytest.raises(CheckpointError, match="another version"):
        read_checkpoint(file)
    _, checkpoint = content(point_mass)
    checkpoint["state_dict"].popitem()
    torch.save(checkpoint, file)
    with pytest.raises(CheckpointError, match="do not fit"):
        load(file)
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(CheckpointError, match="cannot read"):
        load(file)


def test_an_argument_that_a_constructor_does_not_take_is_a_configuration_error(point_mass: Family) -> None:
    with pytest.raises(ConfigError, match="hiden"):
        build.model(build.recipe({**MODEL, "hiden": [8]}, point_mass))


def test_a_plugin_gets_what_its_constructor_asks_for_and_null_leaves_it_out(point_mass: Family) -> None:
    cfg = OmegaConf.create({"a": {"_target_": "fractions.Fraction", "numerator": 3}, "b": None})
    (made,) = build.plugins(cfg, denominator=4, family=point_mass)
    assert float(made) == 0.75


def test_settings_of_a_node_that_was_taken_out_are_an_error_in_words() -> None:
    """`experiment=... ~callbacks` leaves what the experiment sets of them."""
    cfg = OmegaConf.create({"a": {"_target_": "fractions.Fraction", "numerator": 3}, "films": {"steps": 8}})
    with pytest.raises(ConfigError, match=r"(?s)'films' is given settings.*films=null"):
        build.plugins(cfg)
