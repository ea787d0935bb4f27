"""A model goes into a folder, through a hub, and comes back the same; a file from elsewhere runs nothing."""

from __future__ import annotations

import importlib
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import hyperdyn
from hyperdyn import build, hub
from hyperdyn.envs.spec import Family
from hyperdyn.errors import CheckpointError, ConfigError
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.models.fixed import Fixed
from hyperdyn.pretrained import CONFIG, WEIGHTS, load_pretrained, read_about, save_pretrained

MODEL = {
    "_target_": "hyperdyn.models.hyper.Hyper",
    "hidden": [8],
    "encoder": {"_target_": "hyperdyn.nn.encoders.information.InformationEncoder", "_partial_": True},
}


@pytest.fixture
def model(point_mass: Family) -> AbstractDynamics:
    made = build.model(build.recipe(MODEL, point_mass))
    made.norm.change_mean.fill_(0.5)
    return made


def same(one: AbstractDynamics, two: AbstractDynamics) -> bool:
    a, b = one.state_dict(), two.state_dict()
    return list(a) == list(b) and all(torch.equal(a[k], b[k]) and a[k].dtype == b[k].dtype for k in a)


def test_what_is_loaded_is_what_was_saved(model: AbstractDynamics, tmp_path: Path) -> None:
    folder = hyperdyn.save_pretrained(model, tmp_path / "m", method="hyper", dt=0.1)
    again = hyperdyn.load(folder)
    assert same(model, again)
    assert not again.training
    assert again.recipe == model.recipe
    assert read_about(folder) == {"method": "hyper", "dt": 0.1}
    assert same(model, load_pretrained(save_pretrained(again, tmp_path / "n")))


def test_a_model_built_by_hand_has_no_recipe(point_mass: Family, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="does not know what it was built from"):
        save_pretrained(Fixed(point_mass.state, [8]), tmp_path)
    assert not list(tmp_path.iterdir())


def change_weight(folder: Path) -> None:
    tensors = load_file(folder / WEIGHTS)
    tensors["norm.change_mean"] += 1
    save_file(tensors, folder / WEIGHTS)


def change_config(folder: Path, **changes: Any) -> None:
    config = json.loads((folder / CONFIG).read_text())
    (folder / CONFIG).write_text(json.dumps({**config, **changes}))


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (change_weight, "not what was saved"),
        (lambda f: (f / WEIGHTS).write_bytes((f / WEIGHTS).read_bytes()[:-1]), "not what was saved"),
        (lambda f: (f / WEIGHTS).unlink(), "holds no weights"),
        (lambda f: (f / CONFIG).write_text("{"), "no model in"),
        (lambda f: change_config(f, hyperdyn_format=9), "another format"),
        (lambda f: change_config(f, model={**MODEL, "hidden": [9]}), "do not fit"),
        (lambda f: change_config(f, model={**MODEL, "_target_": "os.system"}), "no network class of a trusted"),
        (lambda f: change_config(f, model={**MODEL, "encoder": {"_target_": "subprocess.run"}}), "no network class"),
    ],
)
def test_a_folder_that_was_changed_is_refused(damage: Any, said: str, model: AbstractDynamics, tmp_path: Path) -> None:
    save_pretrained(model, tmp_path)
    damage(tmp_path)
    with pytest.raises(CheckpointError, match=said):
        load_pretrained(tmp_path)


@pytest.fixture
def hub_model() -> Any:
    pytest.importorskip("huggingface_hub", reason="the extra 'hub' is not installed")
    return hub.HubModel


def test_a_model_goes_through_the_hubs_mixin_unchanged(model: AbstractDynamics, hub_model: Any, tmp_path: Path) -> None:
    """A local folder in the place of a repository, as the Hub's own client allows."""
    hub_model(model).save_pretrained(tmp_path / "expert", repo_id="me/expert")
    again = hub_model.from_pretrained(tmp_path / "expert").network
    assert same(model, again)
    assert again.recipe == model.recipe
    assert same(model, hyperdyn.load(tmp_path / "expert"))
    card = tmp_path / "expert/README.md"
    assert "hyperdyn" in card.read_text()
    card.write_text("my own")
    hub_model(model).save_pretrained(tmp_path / "expert")
    assert card.read_text() == "my own"


def test_what_is_pushed_is_what_is_saved_with_a_card_that_loads_it(
    model: AbstractDynamics, hub_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixin = importlib.import_module("huggingface_hub.hub_mixin")

    class Api:
        def __init__(self, **_: Any) -> None: ...

        def create_repo(self, *, repo_id: str, **_: Any) -> Any:
            return SimpleNamespace(repo_id=repo_id)

        def upload_folder(self, *, repo_id: str, folder_path: str, **_: Any) -> str:
            shutil.copytree(folder_path, tmp_path / repo_id)
            return repo_id

    monkeypatch.setattr(mixin, "HfApi", Api)
    assert hub_model(model).push_to_hub("me/expert") == "me/expert"
    found = tmp_path / "me/expert"
    assert sorted(p.name for p in found.iterdir()) == ["README.md", CONFIG, WEIGHTS]
    assert same(model, hub_model.from_pretrained(found).network)
    assert 'HubModel.from_pretrained("me/expert")' in (found / "README.md").read_text()


def test_a_repository_is_downloaded_at_its_revision(
    model: AbstractDynamics, hub_model: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package, mixin = importlib.import_module("huggingface_hub"), importlib.import_module("huggingface_hub.hub_mixin")
    folder = save_pretrained(model, tmp_path / "there")
    asked: dict[str, Any] = {}

    def download(**options: Any) -> str:
        asked.update(options)
        return str(folder)

    monkeypatch.setattr(mixin, "hf_hub_download", lambda **_: str(folder / CONFIG))
    monkeypatch.setattr(package, "snapshot_download", download)
    assert same(model, hub_model.from_pretrained("me/expert", revision="abc").network)
    assert asked["repo_id"] == "me/expert"
    assert asked["revision"] == "abc"
    change_config(folder, model={**MODEL, "_target_": "os.system"})
    with pytest.raises(CheckpointError, match="no network class of a trusted"):
        hub_model.from_pretrained("me/expert")


def test_without_the_package_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    hub._hub_model.cache_clear()
    with pytest.raises(ConfigError, match=r"hyperdyn\[hub\]"):
        _ = hub.HubModel
