"""A module as a file that runs without hyperdyn, `.pt2` (torch.export) or ONNX, checked for what it does."""

from __future__ import annotations

import copy
import logging
import math
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from hyperdyn.deploy.errors import ExportError, ParityError
from hyperdyn.deploy.linear_algebra import decompositions
from hyperdyn.deploy.modules import Tensors
from hyperdyn.extras import optional

Run = Callable[[Tensors], Sequence[Any]]
"""Inputs to the outputs of a file that was read back."""


@dataclass(frozen=True)
class Traced:
    """A module as one graph. fixed: sizes that it could not leave open, by letter."""

    program: ExportedProgram
    inputs: tuple[str, ...]
    fixed: dict[str, int]


def trace(module: nn.Module, example: Tensors, letters: Sequence[Sequence[str]]) -> Traced:
    """The graph of a module of named inputs, in evaluation mode.

    letters: of each input's leading dimensions; those of the same letter are equal. All are left open, or all but K.

    Raises:
        ExportError: its graph cannot be taken, as of a method that takes gradients to adapt.
    """
    names: tuple[str, ...] = module.inputs  # type: ignore[assignment]
    sizes = {letter: x.shape[i] for x, own in zip(example, letters, strict=True) for i, letter in enumerate(own)}
    for closed in ((), ("K",)):
        open_dims = {letter: Dim(letter) for letter in sizes if letter not in closed}
        shapes = tuple({i: open_dims.get(letter) for i, letter in enumerate(own)} for own in letters)
        try:
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                program = torch.export.export(module, example, dynamic_shapes=shapes)
        except Exception as error:  # torch raises whatever it met
            reason = error
            continue
        return Traced(program, names, {letter: n for letter, n in sizes.items() if letter in closed})
    raise ExportError(
        "torch.export cannot follow this method",
        got=str(reason).strip().splitlines()[0][:300],
        expected="a method that adapts by one pass forward",
        fix="export its expert only: hyperdyn export RUN parts=[expert]",
    )


def write_pt2(traced: Traced, path: Path) -> None:
    torch.export.save(traced.program, path)


def run_pt2(path: Path) -> Run:
    module = torch.export.load(path).module()
    return lambda inputs: _many(module(*inputs))


def write_onnx(traced: Traced, path: Path) -> None:
    """Raises ConfigError without the extra `onnx`, ExportError where an operator has no counterpart."""
    for name in ("onnx", "onnxscript", "onnxruntime"):
        optional(name, "exporting to ONNX")
    outputs = ("next_obs", "std")[: len(traced.program.graph_signature.user_outputs)]
    try:
        with torch.no_grad(), warnings.catch_warnings(), _without_torchvision():
            warnings.simplefilter("ignore")
            program = traced.program.run_decompositions(decompositions())
            torch.onnx.export(
                program,
                f=path,
                input_names=traced.inputs,
                output_names=outputs,
                dynamo=True,
                external_data=False,
                verbose=False,
            )
    except Exception as error:  # torch raises whatever it met
        lines = [line for line in str(error).strip().splitlines() if "<class" in line] or [repr(error)]
        raise ExportError("ONNX cannot say what this method does", got=lines[0][:300], fix="formats=[pt2]") from error


@contextmanager
def _without_torchvision() -> Iterator[None]:
    """The exporter says for each operator of torchvision that it is not installed; nothing here has one."""

    def other(record: logging.LogRecord) -> bool:
        return not record.getMessage().startswith("torchvision is not installed")

    talk = logging.getLogger("torch.onnx._internal.exporter._registration")
    talk.addFilter(other)
    try:
        yield
    finally:
        talk.removeFilter(other)


def run_onnx(path: Path) -> Run:
    runtime = optional("onnxruntime", "running ONNX")
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return lambda inputs: session.run(None, dict(zip(names, (x.numpy() for x in inputs), strict=True)))


FORMATS: dict[str, tuple[Callable[[Traced, Path], None], Callable[[Path], Run]]] = {
    "pt2": (write_pt2, run_pt2),
    "onnx": (write_onnx, run_onnx),
}


def publish(
    traced: Traced, kind: str, path: Path, reference: nn.Module, samples: Sequence[Tensors], tolerance: float
) -> float:
    """Write a file, read it back, and give it its name only if it does what the reference does.

    Returns:
        The largest difference on the samples, see `difference`.

    Raises:
        ParityError: they differ by more than `allowed`; no file is left.
        ExportError, ConfigError: it cannot be written.
    """
    write, read = FORMATS[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{path.name}")
    try:
        write(traced, partial)
        run = read(partial)
        worst = 0.0
        for sample in samples:
            with torch.no_grad():
                found = difference(run(sample), _many(reference(*sample)))
            worst = max(worst, found)
            if not found <= tolerance:
                check(path.name, found, allowed(reference, sample, tolerance))
        partial.replace(path)
        return worst
    finally:
        partial.unlink(missing_ok=True)


def difference(got: Sequence[Any], expected: Sequence[Any]) -> float:
    """max |got - expected| / max(1, |expected|) over all outputs; infinite where one is not finite."""
    worst = 0.0
    for one, two in zip(got, expected, strict=True):
        a, b = (np.asarray(x, dtype=np.float64) for x in (one, two))
        if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
            return float("inf")
        worst = max(worst, float((np.abs(a - b) / np.maximum(1.0, np.abs(b))).max()))
    return worst


@torch.no_grad()
def allowed(reference: nn.Module, sample: Tensors, tolerance: float) -> float:
    """The tolerance, and where the reference itself rounds by more than that, twice what it rounds by.

    Two programs in single precision that do the same may differ by what each of them is off: a linear system of many
    transitions is solved to 1e-4 and not to 1e-7.
    """
    exact = copy.deepcopy(reference).double()
    wide = exact(*(x.double() if x.is_floating_point() else x for x in sample))
    rounding = difference(_many(reference(*sample)), _many(wide))
    return max(tolerance, 2 * rounding) if math.isfinite(rounding) else tolerance


def check(name: str, found: float, tolerance: float) -> None:
    """Raises ParityError unless found <= tolerance."""
    if not found <= tolerance:
        raise ParityError(
            f"{name} does not do what the model does, and was not kept",
            got=f"a difference of {found:.2g}",
            expected=f"{tolerance:.2g} or less, relative where a value is larger than 1",
            fix="use another format; a larger `tolerance` only if that is good enough for you",
        )


def _many(outputs: Any) -> Sequence[Any]:
    return outputs if isinstance(outputs, (tuple, list)) else (outputs,)
