"""A recurrent encoder: the only one here for which the order of transitions may matter at any length."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from hyperdyn.nn.encoders.base import AbstractHistoryEncoder, Encoding, sort_rows


class GRUEncoder(AbstractHistoryEncoder):
    """h_i = GRU(h_{i-1}, [x_i, y_i]), oldest transition first, h_0 = 0;  code = linear(h_K)."""

    def __init__(self, input_dim: int, target_dim: int, code_dim: int = 32, hidden_dim: int = 128) -> None:
        super().__init__(input_dim, target_dim)
        self._code_dim = code_dim
        self.gru = nn.GRU(input_dim + target_dim, hidden_dim, batch_first=True)
        self.out = nn.Linear(hidden_dim, code_dim)

    @property
    def code_dim(self) -> int:
        return self._code_dim

    def encode(self, x: Tensor, y: Tensor, mask: Tensor) -> Encoding:
        B = x.shape[0]
        rows = sort_rows(torch.cat([x, y], dim=-1), mask, valid_first=True)
        states, _ = self.gru(rows)  # [B,K,hidden]
        states = torch.cat([states.new_zeros(B, 1, states.shape[-1]), states], dim=1)  # h_0 first
        last = states[torch.arange(B, device=x.device), mask.sum(1)]  # [B,hidden]
        code = self.out(last)
        return Encoding(code, latent=code)
