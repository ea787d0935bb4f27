"""A model goes into a folder, through a hub, and comes back the same; a file from elsewhere runs nothing."""

from __future__ import annotations

import inspect
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

import hyperdyn
from hyperdyn import build
from hyperdyn.envs.spec import Family
from hyperdyn.errors import CheckpointError, ConfigError
from hyperdyn.hub import from_hub, push_to_hub
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


class LocalHub:
    """The four calls of `huggingface_hub.HfApi` that are made, on folders."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def create_repo(self, *, repo_id: str, private: bool, exist_ok: bool) -> None:
        (self.root / repo_id).mkdir(parents=True, exist_ok=exist_ok)

    def file_exists(self, *, repo_id: str, filename: str) -> bool:
        return (self.root / repo_id / filename).is_file()

    def upload_folder(self, *, repo_id: str, folder_path: str, allow_patterns: list[str]) -> None:
        for path in Path(folder_path).iterdir():
            assert path.name in allow_patterns
            shutil.copy(path, self.root / repo_id)

    def snapshot_download(self, *, repo_id: str, revision: str | None, allow_patterns: list[str]) -> str:
        return str(self.root / repo_id)


def test_a_model_goes_through_a_hub_unchanged(model: AbstractDynamics, tmp_path: Path) -> None:
    hub = LocalHub(tmp_path)
    push_to_hub(model, "me/expert", api=hub, dt=0.1)
    assert same(model, from_hub("me/expert", api=hub))
    card = tmp_path / "me/expert/README.md"
    assert 'from_hub("me/expert")' in card.read_text()
    card.write_text("my own")
    push_to_hub(model, "me/expert", api=hub)
    assert card.read_text() == "my own"


def test_the_real_hub_takes_the_same_calls() -> None:
    hub = pytest.importorskip("huggingface_hub", reason="the extra 'hub' is not installed")

    for name in ("create_repo", "file_exists", "upload_folder", "snapshot_download"):
        ours = [p for p in inspect.signature(getattr(LocalHub, name)).parameters if p != "self"]
        inspect.signature(getattr(hub.HfApi, name)).bind(None, **dict.fromkeys(ours))


def test_without_the_package_its_extra_is_named(model: AbstractDynamics, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(ConfigError, match=r"hyperdyn\[hub\]"):
        push_to_hub(model, "me/expert")
