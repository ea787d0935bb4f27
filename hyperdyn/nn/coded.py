"""A global network that reads a code of the system beside its input."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hyperdyn.nn.mlp import ACTIVATIONS, mlp
from hyperdyn.nn.shared import SharedMLP, shared_layers


class CodedMLP(nn.Module):
    """f([x, z]), with z the same for all rows of a system.

    The first layer is linear in both: W [x, z] + b = W_x x + (W_z z + b), and what stands in brackets is a bias of the
    system, computed once per code. W_x begins as in a network without a code: a wide code would else make the first
    layer deaf to x for the first part of training.

    sizes: layer sizes, (X, ..., S); the code's are added to the first.
    """

    def __init__(self, sizes: Sequence[int], code_dim: int, activation: str = "silu") -> None:
        super().__init__()
        self.input_dim = sizes[0]
        self.sizes = (sizes[0] + code_dim, *sizes[1:])
        self.net = mlp(self.sizes, activation)
        first = self.net[0]
        assert isinstance(first, nn.Linear)
        with torch.no_grad():
            first.weight[:, : self.input_dim] *= (self.sizes[0] / self.input_dim) ** 0.5
        self._activation = ACTIVATIONS[activation]

    def forward(self, code: Tensor) -> SharedMLP:
        """code [B,Z] to the network of each system, x [B,N,X] to [B,N,Y]."""
        (weight, bias), *rest = shared_layers(self.net)
        seen, of_code = weight.split([self.input_dim, code.shape[1]], dim=1)  # [1,X,h], [1,Z,h]
        bias = (bias[0] + code @ of_code[0]).unsqueeze(1)  # [B,1,h]
        return SharedMLP([(seen, bias), *rest], self._activation)
