"""Files that run without hyperdyn do what the model does, or are not left behind."""

from __future__ import annotations

import inspect
import json
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hydra.utils import get_class
from omegaconf import OmegaConf
from torch import Tensor, nn

import hyperdyn.conf
from hyperdyn import build
from hyperdyn.deploy import programs
from hyperdyn.deploy.errors import ExportError, ParityError
from hyperdyn.deploy.exporting import export_expert, export_model, export_plain
from hyperdyn.deploy.modules import AdaptThenPredict, model_inputs
from hyperdyn.deploy.plain import PlainExpert
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.types import Context, StateSpec, Transitions

CONF = Path(hyperdyn.conf.__file__).parent / "model"
SPEC = StateSpec(obs_dim=4, action_dim=2, drop=(0,), angles=(2,))
SMALL = {"hidden": [8], "encoder": {"latent_dim": 4, "hidden_dim": 8, "base_dim": 8, "mean_dim": 4, "mix_dim": 4}}
ONE_NETWORK = ["hyper", "hyper_flat", "fixed", "concat", "film", "function_encoder", "grbal", "hyper_probabilistic"]
OPEN = ["hyper", "fixed", "concat", "film", "function_encoder"]
K, TOLERANCE = 6, 1e-5


def make(name: str) -> AbstractDynamics:
    """A small model of this method, with a normaliser that does something."""
    node: Any = OmegaConf.to_container(OmegaConf.load(CONF / f"{name}.yaml"))
    asked = inspect.signature(get_class(node["_target_"])).parameters
    node |= {k: v for k, v in {"hidden": [8], "state_dim": 8, "basis": 4}.items() if k in asked}
    if "information" in str(node.get("encoder")):
        node["encoder"] |= SMALL["encoder"]
    told = {"factor_dim": 1, "factor_ranges": [[0.0, 1.0]], "factor_log": [False]}
    torch.manual_seed(0)
    model = build.construct(node, spec=SPEC, **{k: v for k, v in told.items() if k in asked})
    model.norm.fit([transitions(200)])
    return model.eval()


def transitions(n: int) -> Transitions:
    rng = torch.Generator().manual_seed(0)
    obs, action = torch.randn(n, 4, generator=rng), 2 * torch.rand(n, 2, generator=rng) - 1
    return Transitions(3 * obs + 1, action, 3 * obs + 1 + 0.3 * torch.randn(n, 4, generator=rng))


def context(batch: int = 2, seed: int = 1) -> Context:
    history = transitions(batch * K)
    kept = Transitions(*(v.view(batch, K, -1) for v in (history.obs, history.action, history.next_obs)))
    return Context(kept, torch.rand(batch, K, generator=torch.Generator().manual_seed(seed)) < 0.7)


@pytest.mark.parametrize("name", ONE_NETWORK)
def test_a_plain_expert_is_the_expert_of_its_system(name: str, tmp_path: Path) -> None:
    with torch.no_grad():
        expert = make(name).adapt(context())
    obs, action = 3 * torch.randn(2, 7, 4), 2 * torch.rand(2, 7, 2) - 1
    with torch.no_grad():
        expected = expert.step(expert.start(obs), action).next_obs.numpy()
    for system in range(2):
        PlainExpert.of(expert, system).save(tmp_path, method=name)
        again = PlainExpert.load(tmp_path)
        found = again.step(obs[system].numpy(), action[system].numpy())
        np.testing.assert_allclose(found, expected[system], rtol=1e-5, atol=1e-5)
        assert again.spec == SPEC


@pytest.mark.parametrize("name", ["recurrent", "cadm", "hyper_ensemble"])
def test_an_expert_of_more_than_one_network_is_refused(name: str) -> None:
    with pytest.raises(ExportError, match=r"parts=\[model\]"), torch.no_grad():
        PlainExpert.of(make(name).adapt(context()))


def test_an_exported_expert_takes_any_number_of_rows(tmp_path: Path) -> None:
    with torch.no_grad():
        expert = make("hyper").adapt(context(1))
        made = export_expert(expert, "pt2", tmp_path, TOLERANCE)
        assert made.difference <= TOLERANCE
        run = programs.run_pt2(made.path)
        for n in (1, 2, 150):
            obs, action = torch.randn(n, 4), torch.rand(n, 2)
            (found,) = run((obs, action))
            torch.testing.assert_close(found, expert.step(obs[None], action[None]).next_obs[0], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", [*OPEN, "recurrent", "hyper_probabilistic"])
def test_an_exported_model_is_the_model(name: str, tmp_path: Path) -> None:
    """For every B, K and N where they are open; masked rows, K = 0 and all; and what the context says, it heeds."""
    model = make(name)
    made = export_model(model, "pt2", tmp_path, TOLERANCE, K)
    assert made.fixed == ({} if name in (*OPEN, "hyper_probabilistic") else {"K": K})
    assert made.difference <= TOLERANCE
    assert all(p.requires_grad for p in model.parameters())
    run, eager = programs.run_pt2(made.path), AdaptThenPredict(model)
    for B, k, N in [(1, K, 3), (5, K if made.fixed else 17, 1)]:
        inputs = model_inputs(model, B, k, N)
        with torch.no_grad():
            expected = programs._many(eager(*inputs))
            assert programs.difference(run(inputs), expected) <= TOLERANCE
        assert len(expected) == (2 if name == "hyper_probabilistic" else 1)
        blind = (*inputs[:3], torch.zeros_like(inputs[3]), *inputs[4:])
        heeds = programs.difference(run(inputs), run(blind)) > 10 * TOLERANCE
        assert heeds == (name != "fixed")
        with torch.no_grad():
            prior = model.adapt(Context.empty(B, SPEC))
            unknown = prior.step(prior.start(inputs[4]), inputs[5]).next_obs
        torch.testing.assert_close(run(blind)[0], unknown, rtol=1e-4, atol=1e-4)


def test_a_method_told_the_factors_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="told the true factors"):
        export_model(make("oracle"), "pt2", tmp_path, TOLERANCE, K)


class Untraceable(AbstractDynamics):
    """Looks at numbers to decide what to compute, which no graph can say."""

    executed_sizes = (1, 1)

    def adapt(self, context: Context) -> Any:
        if float(context.mask.sum()) > 1:
            return make("fixed").adapt(context)
        return make("fixed").adapt(context)


def test_a_method_that_cannot_be_traced_is_refused_in_words(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"parts=\[expert\]"):
        export_model(Untraceable(SPEC), "pt2", tmp_path, TOLERANCE, K)
    assert not list(tmp_path.iterdir())


class Wrong(nn.Module):
    inputs = ("obs", "action")

    def forward(self, obs: Tensor, action: Tensor) -> Tensor:
        return obs + 1e-3


class Right(Wrong):
    def forward(self, obs: Tensor, action: Tensor) -> Tensor:
        return obs


def test_a_file_that_differs_is_not_left_behind(tmp_path: Path) -> None:
    sample = (torch.zeros(3, 4), torch.zeros(3, 2))
    traced = programs.trace(Wrong(), sample, (("N",), ("N",)))
    path = tmp_path / "expert.pt2"
    with pytest.raises(ParityError, match="was not kept"):
        programs.publish(traced, "pt2", path, Right(), [sample], TOLERANCE)
    assert not list(tmp_path.iterdir())
    assert programs.publish(traced, "pt2", path, Right(), [sample], 1e-2) == pytest.approx(1e-3)
    assert [p.name for p in tmp_path.iterdir()] == ["expert.pt2"]


@pytest.mark.parametrize("earlier", [False, True])
def test_numbers_that_differ_leave_what_was_there(
    earlier: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with torch.no_grad():
        expert, other = (make(name).adapt(context(1)) for name in ("fixed", "hyper"))
    if earlier:
        export_plain(other, tmp_path, TOLERANCE)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    right = PlainExpert.step
    monkeypatch.setattr(PlainExpert, "step", lambda self, o, a: right(self, o, a) + 1e-3)
    with pytest.raises(ParityError):
        export_plain(expert, tmp_path, TOLERANCE)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.parametrize("found", [[np.nan], [np.inf], [[1.0]]])
def test_what_is_no_number_or_of_another_shape_differs_infinitely(found: Sequence[Any]) -> None:
    assert programs.difference([np.array(found)], [np.ones(1)]) == np.inf
    assert programs.difference([np.ones(1)], [np.array(found)]) == np.inf


def test_rounding_of_the_model_itself_is_no_fault_of_a_file() -> None:
    class Rounds(Right):
        def forward(self, obs: Tensor, action: Tensor) -> Tensor:
            return (obs + 1e6) - 1e6

    sample = (torch.full((1, 1), 0.3), torch.zeros(1, 1))
    assert 0.01 < programs.allowed(Rounds(), sample, TOLERANCE) < 0.2
    assert programs.allowed(Right(), sample, TOLERANCE) == TOLERANCE


def test_a_model_that_overflows_allows_no_more_than_another() -> None:
    class Overflows(Right):
        def forward(self, obs: Tensor, action: Tensor) -> Tensor:
            return obs * 1e30

    assert programs.allowed(Overflows(), (torch.full((1, 1), 1e30), torch.zeros(1, 1)), TOLERANCE) == TOLERANCE


@contextmanager
def said_by_the_exporter() -> Iterator[list[str]]:
    """What torch's exporter to ONNX logs of its registry of operators."""
    said: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())  # type: ignore[method-assign]
    talk = logging.getLogger("torch.onnx._internal.exporter._registration")
    talk.addHandler(handler)
    try:
        yield said
    finally:
        talk.removeHandler(handler)


def test_nothing_but_torchvision_is_silenced() -> None:
    talk = logging.getLogger("torch.onnx._internal.exporter._registration")
    with said_by_the_exporter() as said:
        with programs._without_torchvision():
            talk.warning("torchvision is not installed. Skipping %s", "torchvision::nms")
            talk.warning("something else")
        talk.warning("torchvision is not installed, said to somebody else")
    assert said == ["something else", "torchvision is not installed, said to somebody else"]


@pytest.mark.parametrize("name", ["hyper", "function_encoder"])
def test_onnx(name: str, tmp_path: Path) -> None:
    for package in ("onnx", "onnxscript", "onnxruntime"):
        pytest.importorskip(package, reason="the extra 'onnx' is not installed")
    model = make(name)
    with torch.no_grad(), said_by_the_exporter() as said:
        made = export_expert(model.adapt(context(1)), "onnx", tmp_path, TOLERANCE)
    assert not said
    assert made.difference <= TOLERANCE
    whole = export_model(model, "onnx", tmp_path, TOLERANCE, K)
    assert whole.difference <= TOLERANCE
    assert whole.fixed == {}
    inputs = model_inputs(model, 4, 9, 11)
    with torch.no_grad():
        expected = AdaptThenPredict(model)(*inputs)
    assert programs.difference(programs.run_onnx(whole.path)(inputs), [expected]) <= TOLERANCE


def test_onnx_without_its_packages_names_the_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(Exception, match=r"hyperdyn\[onnx\]"), torch.no_grad():
        export_expert(make("fixed").adapt(context()), "onnx", tmp_path, TOLERANCE)


def test_the_example_runs_with_numpy_alone(tmp_path: Path) -> None:
    with torch.no_grad():
        expert = make("film").adapt(context())
    plain = PlainExpert.of(expert)
    plain.save(tmp_path)
    example = Path(__file__).parents[2] / "examples" / "deploy" / "run_expert.py"
    code = (
        "import runpy, sys, builtins; real = builtins.__import__\n"
        "def only(name, *a, **k):\n"
        "    assert name.split('.')[0] not in ('torch', 'safetensors', 'hyperdyn'), name\n"
        "    return real(name, *a, **k)\n"
        f"builtins.__import__ = only; sys.argv = ['x', {str(tmp_path)!r}]\n"
        f"runpy.run_path({str(example)!r}, run_name='__main__')"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "us a step of 150 rows" in out
    said = json.loads(out[out.index("[") :])
    np.testing.assert_allclose(said, plain.step(np.linspace(-1, 1, 4), np.linspace(-1, 1, 2)), rtol=1e-5, atol=1e-6)
