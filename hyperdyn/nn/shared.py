"""One global network that a system may have a layer or a bias of its own in."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

Layer = tuple[Tensor, Tensor]
"""Weight [B,in,out] and bias [B,1,out]; [1,.,.] where all systems share it."""


class SharedMLP:
    """B networks of one shape that share what is given for one system only; nothing shared is ever repeated.

    h_0 = x;  h_l = f(h_{l-1} W_l + b_l);  the last layer is linear.

    A method that changes a few layers of one network per system folds its change into them once per context, and then
    a step costs what it costs without the change.
    """

    def __init__(self, layers: Sequence[Layer], activation: Callable[[Tensor], Tensor]) -> None:
        self.layers = list(layers)
        self.activation = activation
        self._prepared = [_prepared(weight, bias) for weight, bias in self.layers]

    def __call__(self, x: Tensor) -> Tensor:
        """x [B,N,in] to [B,N,out]."""
        h = _affine(x, *self._prepared[0])
        for weight, bias in self._prepared[1:]:
            h = _affine(self.activation(h), weight, bias)
        return h


def shared_layers(net: nn.Module) -> list[Layer]:
    """The linear layers of a plain network, in order, as layers that all systems share."""
    return [shared_layer(m) for m in net.modules() if isinstance(m, nn.Linear)]


def shared_layer(linear: nn.Linear) -> Layer:
    return linear.weight.t()[None], linear.bias[None, None]


def _prepared(weight: Tensor, bias: Tensor) -> Layer:
    """Views as the products below want them: what is shared loses its leading dimension."""
    if weight.shape[0] > 1:
        return weight, bias
    return weight[0].mT, bias[0, 0] if bias.shape[0] == 1 else bias


def _affine(h: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    if weight.ndim == 3:
        return torch.baddbmm(bias, h, weight)
    if bias.ndim == 1:
        return functional.linear(h, weight, bias)
    return functional.linear(h, weight) + bias
