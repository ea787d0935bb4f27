"""The last few transitions, side by side."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from hyperdyn.errors import ConfigError
from hyperdyn.nn.encoders.base import AbstractHistoryEncoder, Encoding, sort_rows
from hyperdyn.nn.mlp import mlp


class FlatEncoder(AbstractHistoryEncoder):
    """code = f([c_1, ..., c_k]) of the last k transitions, oldest first, zeros where there are fewer.

    history: k.
    hidden: hidden layer sizes of f.
    changes: c is [x, y] if true and x alone otherwise (what the state changed by shows in the next row's x).

    Raises:
        ConfigError: a history below one.
    """

    def __init__(
        self,
        input_dim: int,
        target_dim: int,
        code_dim: int = 32,
        history: int = 16,
        hidden: Sequence[int] = (128, 128),
        changes: bool = True,
        activation: str = "silu",
    ) -> None:
        super().__init__(input_dim, target_dim)
        if history < 1:
            raise ConfigError("a flat encoder needs a history", got=history, expected=">= 1")
        self.history = history
        self.changes = changes
        self._code_dim = code_dim
        row_dim = input_dim + target_dim if changes else input_dim
        self.net = mlp((history * row_dim, *hidden, code_dim), activation)

    @property
    def code_dim(self) -> int:
        return self._code_dim

    def encode(self, x: Tensor, y: Tensor, mask: Tensor) -> Encoding:
        rows = torch.cat([x, y], dim=-1) if self.changes else x
        rows = sort_rows(rows, mask)[:, -self.history :]
        rows = functional.pad(rows, (0, 0, self.history - rows.shape[1], 0))  # [B,k,.]
        code = self.net(rows.flatten(1))
        return Encoding(code, latent=code)
