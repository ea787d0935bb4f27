"""`hyperdyn export` as a user meets it: what is written, what is left out and why."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

import hyperdyn
from hyperdyn import build, cli
from hyperdyn.deploy.plain import PlainExpert
from hyperdyn.envs.spec import Family
from hyperdyn.types import Context

HYPER = {
    "_target_": "hyperdyn.models.hyper.Hyper",
    "hidden": [8],
    "encoder": {
        "_target_": "hyperdyn.nn.encoders.information.InformationEncoder",
        "_partial_": True,
        "latent_dim": 4,
        "hidden_dim": 8,
    },
}
RECURRENT = {"_target_": "hyperdyn.models.recurrent.Recurrent", "hidden": [8], "state_dim": 8}
ORACLE = {"_target_": "hyperdyn.models.oracle.Oracle", "hidden": [8]}
LOG = "s0,s1,a0\n" + "\n".join(f"{0.1 * t},{0.05 * t * t},{(-1) ** t * 0.5}" for t in range(20))


@pytest.fixture(autouse=True)
def no_onnx(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("onnx", "onnxscript", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)


def export(node: Any, family: Family, folder: Path, *args: str) -> int:
    torch.manual_seed(0)
    hyperdyn.save_pretrained(build.model(build.recipe(node, family)), folder / "m", method="m", dt=0.1)
    (folder / "log.csv").write_text(LOG)
    return cli.main(["export", str(folder / "m"), f"out={folder / 'out'}", "history=8", *args])


def test_all_that_can_be_is_written(
    point_mass: Family, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert export(HYPER, point_mass, tmp_path, "log=log.csv") == 0
    out = tmp_path / "out"
    names = {"expert.safetensors", "expert.json", "expert.pt2", "model.pt2", "pretrained", "export.json"}
    assert {p.name for p in out.iterdir()} == names
    files = json.loads((out / "export.json").read_text())["files"]
    assert set(files) == {"expert.safetensors", "expert.pt2", "model.safetensors", "model.pt2"}
    assert all(f["difference"] <= 1e-5 for f in files.values())
    said = capsys.readouterr().out
    assert "left out: expert as onnx" in said
    assert "hyperdyn[onnx]" in said
    model = hyperdyn.load(out / "pretrained")
    with torch.no_grad():
        prior = PlainExpert.of(model.adapt(Context.empty(1, model.spec)))
    assert (PlainExpert.load(out).layers[0][0] != prior.layers[0][0]).any(), "the log was not adapted to"


def test_an_ensemble_of_steps_leaves_as_a_whole(
    point_mass: Family, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(RECURRENT, point_mass, tmp_path, "formats=[plain,pt2]") == 0
    assert [p.name for p in (tmp_path / "out").glob("*.pt2")] == ["model.pt2"]
    assert "left out: expert as plain" in (said := capsys.readouterr().out)
    assert "K = 8" in said


@pytest.mark.parametrize(
    ("node", "args", "said"),
    [
        (RECURRENT, ["parts=[expert]", "formats=[plain]"], "more than one plain network"),
        (HYPER, ["formats=[onnx]"], "hyperdyn[onnx]"),
        (HYPER, ["formats=[onxx]"], "did you mean 'onnx'"),
        (HYPER, ["parts=[model]", "formats=[plain]"], "nothing could be exported"),
        (ORACLE, ["parts=[model]", "formats=[pt2]"], "told the true factors"),
        (ORACLE, ["parts=[expert]", "formats=[plain]"], "told the true factors"),
    ],
)
def test_what_was_asked_for_and_cannot_be_is_an_error(
    node: Any, args: list[str], said: str, point_mass: Family, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(node, point_mass, tmp_path, *args) == 1
    assert said in capsys.readouterr().err
