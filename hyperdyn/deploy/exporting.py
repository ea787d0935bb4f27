"""Everything that `hyperdyn export` writes into a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, final

import torch
from torch import Tensor, nn

from hyperdyn.deploy import programs
from hyperdyn.deploy.errors import ExportError
from hyperdyn.deploy.modules import AdaptThenPredict, ExpertModule, expert_inputs, model_inputs
from hyperdyn.deploy.plain import WEIGHTS, PlainExpert
from hyperdyn.files import TEMPORARY
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.types import Expert

ROWS = 32
"""N of the samples that files are checked on."""


@dataclass(frozen=True)
class Exported:
    """A file, how far it is from the model at most, and the sizes that it could not leave open."""

    path: Path
    difference: float
    fixed: Mapping[str, int]


def export_plain(expert: Expert, folder: Path, tolerance: float, **about: Any) -> Exported:
    """One system's expert as numbers, checked with NumPy after reading it back.

    Raises:
        ExportError: its step is more than one plain network.
        ParityError: NumPy does not get what torch gets; what an earlier export left stays.
    """
    plain = PlainExpert.of(expert)
    obs, action = expert_inputs(ExpertModule(plain).norm, ROWS)
    with torch.no_grad():
        expected = EagerStep(expert)(obs, action)
    folder.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=TEMPORARY, dir=folder) as aside:
        paths = plain.save(Path(aside), **about)
        found = programs.difference([PlainExpert.load(aside).step(obs.numpy(), action.numpy())], [expected])
        programs.check(WEIGHTS, found, tolerance)
        for path in paths:
            path.replace(folder / path.name)
    return Exported(folder / WEIGHTS, found, {})


def export_expert(expert: Expert, kind: str, folder: Path, tolerance: float) -> Exported:
    """One system's expert as a program, obs [N,S] and action [N,A] to next_obs [N,S] for any N.

    Raises:
        ExportError, ParityError: see `programs.publish`.
    """
    module = ExpertModule(PlainExpert.of(expert))
    traced = programs.trace(module, expert_inputs(module.norm, ROWS), (("N",), ("N",)))
    path = folder / f"expert.{kind}"
    samples = [expert_inputs(module.norm, n) for n in (ROWS, 1)]
    reference = EagerStep(expert)
    found = programs.publish(traced, kind, path, reference, samples, tolerance)
    return Exported(path, found, traced.fixed)


def export_model(model: AbstractDynamics, kind: str, folder: Path, tolerance: float, history: int) -> Exported:
    """A whole method as a program, see `AdaptThenPredict`; where K cannot stay open it is `history`.

    Raises:
        ExportError: a method that is told the factors, or one that adapts by gradients.
        ParityError: see `programs.publish`.
    """
    if model.privileged:
        raise ExportError("this method is told the true factors", fix="export its expert only, or another run")
    module = AdaptThenPredict(model).eval()
    K = max(2, history)
    asked = [p.requires_grad for p in model.parameters()]
    model.requires_grad_(False)
    try:
        example = model_inputs(model, 3, K, ROWS)
        traced = programs.trace(module, example, (*[("B", "K")] * 4, ("B", "N"), ("B", "N")))
        shapes = [(3, K, ROWS), (1, K, 1)] if traced.fixed else [(3, K, ROWS), (1, 1, 1), (2, 5, 7)]
        samples = [model_inputs(model, *shape) for shape in shapes]
        samples.append(model_inputs(model, *shapes[0], known=0.0))
        path = folder / f"model.{kind}"
        found = programs.publish(traced, kind, path, module, samples, tolerance)
    finally:
        for parameter, gradient in zip(model.parameters(), asked, strict=True):
            parameter.requires_grad_(gradient)
    return Exported(path, found, traced.fixed)


@final
class EagerStep(nn.Module):
    """obs [N,S] and action [N,A] to next_obs [N,S] of an expert's first system, as the model itself does it."""

    def __init__(self, expert: Expert) -> None:
        super().__init__()
        self._expert = expert

    def forward(self, obs: Tensor, action: Tensor) -> Tensor:
        return self._expert.step(self._expert.start(obs[None]), action[None]).next_obs[0]
