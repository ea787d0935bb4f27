"""One expert as plain numbers: enough to run it with NumPy alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray

from hyperdyn.deploy.errors import ExportError
from hyperdyn.models.base import ChangeExpert
from hyperdyn.models.folded import network_layers
from hyperdyn.models.gaussian import GaussianExpert
from hyperdyn.nn.mlp import activation_name
from hyperdyn.types import Expert, StateSpec

FORMAT = 1
WEIGHTS, ABOUT = "expert.safetensors", "expert.json"

Array = NDArray[Any]
NUMPY: dict[str, Callable[[Array], Array]] = {
    "silu": lambda h: h * (0.5 + 0.5 * np.tanh(0.5 * h)),  # h * sigmoid(h), without an overflow
    "relu": lambda h: np.maximum(h, 0),
    "leaky_relu": lambda h: np.where(h > 0, h, 0.01 * h),
    "tanh": np.tanh,
}


@dataclass(frozen=True)
class PlainExpert:
    """s' = s + mu_y + sigma_y f(([features(s), a] - mu_x) / sigma_x), one system's expert as arrays.

    layers: weight [in,out] and bias [out] of each. normaliser: input_mean, input_std [X], change_mean, change_std [S].
    features(s) are the entries spec.plain, then the sines and then the cosines of the angles.
    """

    spec: StateSpec
    activation: str
    layers: tuple[tuple[Array, Array], ...]
    normaliser: dict[str, Array]

    @classmethod
    def of(cls, expert: Expert, system: int = 0) -> Self:
        """The expert of one of the B systems; of one that gives a standard deviation, its mean.

        Raises:
            ExportError: its step is more than one plain network.
        """
        found = network_layers(expert.net) if isinstance(expert, (ChangeExpert, GaussianExpert)) else None
        name = None if found is None else activation_name(found[1])
        if found is None or (name is None and len(found[0]) > 1):
            raise ExportError(
                "this method's expert is more than one plain network",
                got=type(expert).__name__,
                expected="one whose step is s + f(s, a), as of hyper, fixed, concat, film, function_encoder, grbal",
                fix="export the whole model: hyperdyn export RUN parts=[model]",
            )
        assert isinstance(expert, (ChangeExpert, GaussianExpert))
        if expert.norm.spec.frame is not None or expert.norm.spec.constant:
            raise ExportError(
                "this expert predicts in the frame of an object, which plain numbers do not carry",
                fix="export the whole model: hyperdyn export RUN parts=[model]",
            )
        layers = tuple((_array(_own(w, system)), _array(_own(b, system)[0])) for w, b in found[0])
        norm = expert.norm
        names = ("input_mean", "input_std", "change_mean", "change_std")
        return cls(norm.spec, name or "silu", layers, {n: _array(getattr(norm, n)) for n in names})

    def step(self, obs: Array, action: Array) -> Array:
        """obs [...,S] and action [...,A] to the next observations [...,S], in the precision of the inputs."""
        angles, n = obs[..., list(self.spec.angles)], self.normaliser
        x = np.concatenate([obs[..., list(self.spec.plain)], np.sin(angles), np.cos(angles), action], axis=-1)
        h = (x - n["input_mean"]) / n["input_std"]
        for weight, bias in self.layers[:-1]:
            h = NUMPY[self.activation](h @ weight + bias)
        weight, bias = self.layers[-1]
        return obs + n["change_mean"] + n["change_std"] * (h @ weight + bias)

    def save(self, folder: Path, **about: Any) -> list[Path]:
        """Write expert.safetensors and expert.json; `about` is added to the latter. The paths."""
        arrays = {**self.normaliser}
        for i, (weight, bias) in enumerate(self.layers):
            arrays |= {f"weight{i}": weight, f"bias{i}": bias}
        content = {
            "format": FORMAT,
            "equation": "s' = s + change_mean + change_std * f(([s[plain], sin s[angles], cos s[angles], a]"
            " - input_mean) / input_std); f: h = activation(h @ weight_i + bias_i), the last layer linear",
            "state": asdict(self.spec),
            "plain": self.spec.plain,
            "activation": self.activation,
            "sizes": [len(self.layers[0][0]), *(len(bias) for _, bias in self.layers)],
            **about,
        }
        folder.mkdir(parents=True, exist_ok=True)
        (folder / WEIGHTS).write_bytes(safetensors.numpy.save({k: np.ascontiguousarray(v) for k, v in arrays.items()}))
        (folder / ABOUT).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return [folder / WEIGHTS, folder / ABOUT]

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """What `save` wrote.

        Raises:
            ExportError: it is not there, or of another format.
        """
        folder = Path(folder)
        try:
            about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
            arrays = safetensors.numpy.load_file(folder / WEIGHTS)
        except (OSError, ValueError) as error:
            raise ExportError("no expert in this folder", got=str(error), fix="hyperdyn export RUN out=DIR") from error
        if about.get("format") != FORMAT:
            raise ExportError(f"{folder / ABOUT} is of another format", got=about.get("format"), expected=FORMAT)
        spec = StateSpec.of(about["state"])
        count = len(about["sizes"]) - 1
        layers = tuple((arrays.pop(f"weight{i}"), arrays.pop(f"bias{i}")) for i in range(count))
        return cls(spec, about["activation"], layers, arrays)


def _own(values: torch.Tensor, system: int) -> torch.Tensor:
    """One system's [.,.] of [B,.,.], or of [1,.,.] where all share it."""
    return values[system if len(values) > 1 else 0]


def _array(values: torch.Tensor) -> Array:
    return values.detach().cpu().float().contiguous().numpy().copy()
