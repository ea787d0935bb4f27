"""Plain networks, and the same networks with weights that were generated: one set per system."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperdyn.errors import ConfigError, ShapeError, nearest

ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    "silu": functional.silu,
    "relu": functional.relu,
    "leaky_relu": functional.leaky_relu,
    "tanh": torch.tanh,
}
_MODULES: dict[str, type[nn.Module]] = {
    "silu": nn.SiLU,
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "tanh": nn.Tanh,
}


def check_activation(name: str) -> None:
    """Raise ConfigError unless there is an activation of this name."""
    if name not in ACTIVATIONS:
        raise ConfigError("unknown activation", got=name, fix=nearest(name, ACTIVATIONS))


def activation_name(activation: Callable[..., Tensor]) -> str | None:
    """The name in a configuration of an activation, function or module; None if it has none."""
    for name, function in ACTIVATIONS.items():
        if activation is function or isinstance(activation, _MODULES[name]):
            return name
    return None


def mlp(sizes: Sequence[int], activation: str = "silu") -> nn.Sequential:
    """A plain network of these layer sizes, inputs and outputs included, linear at the end.

    Raises:
        ConfigError: an unknown activation.
    """
    check_activation(activation)
    layers: list[nn.Module] = []
    for fan_in, fan_out in pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), _MODULES[activation]()]
    return nn.Sequential(*layers[:-1])


@dataclass(frozen=True)
class LayerSlices:
    """Where one layer lies in theta [P]: its weight [out,in], row by row as in nn.Linear, then its bias [out]."""

    fan_in: int
    fan_out: int
    start: int

    @property
    def weight(self) -> slice:
        return slice(self.start, self.start + self.fan_in * self.fan_out)

    @property
    def bias(self) -> slice:
        return slice(self.weight.stop, self.weight.stop + self.fan_out)


@dataclass(frozen=True)
class MLPSpec:
    """The shape of a network whose weights are one flat vector theta [P].

    sizes: layer sizes, inputs and outputs included.

    Raises:
        ConfigError: fewer than two sizes, a size below one, or an unknown activation.
    """

    sizes: tuple[int, ...]
    activation: str = "silu"

    def __post_init__(self) -> None:
        object.__setattr__(self, "sizes", tuple(int(n) for n in self.sizes))
        check_activation(self.activation)
        if len(self.sizes) < 2 or min(self.sizes) < 1:
            raise ConfigError("not a network", got=self.sizes, expected="(inputs, ..., outputs), each >= 1")

    @cached_property
    def layers(self) -> tuple[LayerSlices, ...]:
        layers: list[LayerSlices] = []
        start = 0
        for fan_in, fan_out in pairwise(self.sizes):
            layers.append(LayerSlices(fan_in, fan_out, start))
            start = layers[-1].bias.stop
        return tuple(layers)

    @property
    def n_params(self) -> int:
        return self.layers[-1].bias.stop

    @cached_property
    def chunks(self) -> tuple[int, ...]:
        """Lengths of weight, bias, weight, ... as they follow each other in theta."""
        return tuple(n for la in self.layers for n in (la.fan_in * la.fan_out, la.fan_out))

    def scale(self) -> Tensor:
        """[P] the size of a change that matters: 1/sqrt(fan_in) for a weight, 0.1 for a bias."""
        scale = torch.full((self.n_params,), 0.1)
        for layer in self.layers:
            scale[layer.weight] = layer.fan_in**-0.5
        return scale

    def init(self, generator: torch.Generator | None = None) -> Tensor:
        """theta [P] drawn as nn.Linear draws: uniform within 1/sqrt(fan_in)."""
        theta = torch.rand(self.n_params, generator=generator) * 2 - 1
        for layer in self.layers:
            theta[layer.weight.start : layer.bias.stop] *= layer.fan_in**-0.5
        return theta


class GeneratedMLP:
    """B networks of one shape, each with weights of its own; no weight is ever repeated per row.

    h_0 = x;  h_l = f(h_{l-1} W_l + b_l);  the last layer is linear.

    Raises:
        ShapeError: theta is not [B,P].
    """

    def __init__(self, spec: MLPSpec, theta: Tensor) -> None:
        if theta.ndim != 2 or theta.shape[1] != spec.n_params:
            raise ShapeError("weights do not fit", got=tuple(theta.shape), expected=f"[B, {spec.n_params}]")
        self.spec = spec
        B = theta.shape[0]
        # One split, and so one concatenation in the backward pass; a slice each would fill [B,P] with zeros each time.
        parts = theta.split(spec.chunks, dim=1)
        self._weights = [p.view(B, la.fan_out, la.fan_in) for p, la in zip(parts[::2], spec.layers, strict=True)]
        self._biases = [p.unsqueeze(2) for p in parts[1::2]]  # [B,out,1]
        self._activation = ACTIVATIONS[spec.activation]

    @property
    def layers(self) -> list[tuple[Tensor, Tensor]]:
        """Weight [B,in,out] and bias [B,1,out] of each layer, views of theta."""
        return [(w.mT, b.mT) for w, b in zip(self._weights, self._biases, strict=True)]

    def __call__(self, x: Tensor) -> Tensor:
        """x [B,N,in] to [B,N,out]."""
        # Columns, h [B,in,N]: the gradient of a weight is then laid out as theta is, and costs no copy.
        h = torch.baddbmm(self._biases[0], self._weights[0], x.mT)
        for weight, bias in zip(self._weights[1:], self._biases[1:], strict=True):
            h = self._activation(h)  # frees the old h before the next is made; a third one alive costs page faults
            h = torch.baddbmm(bias, weight, h)
        return h.mT
