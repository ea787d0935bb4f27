"""The paper's kind of encoder: an average over transitions."""

from __future__ import annotations

import torch
from torch import Tensor

from hyperdyn.nn.encoders.base import AbstractHistoryEncoder, Encoding, log_count
from hyperdyn.nn.mlp import mlp


class MeanPoolEncoder(AbstractHistoryEncoder):
    """code = f([mean_i g([x_i, y_i]), log(1+K)/3]), after Xian et al. 2021, section 3.1; the mean of none is zero."""

    def __init__(
        self, input_dim: int, target_dim: int, code_dim: int = 32, hidden_dim: int = 128, activation: str = "silu"
    ) -> None:
        super().__init__(input_dim, target_dim)
        self._code_dim = code_dim
        self.features = mlp((input_dim + target_dim, hidden_dim, hidden_dim), activation)
        self.summary = mlp((hidden_dim + 1, hidden_dim, code_dim), activation)

    @property
    def code_dim(self) -> int:
        return self._code_dim

    def encode(self, x: Tensor, y: Tensor, mask: Tensor) -> Encoding:
        keep = mask.unsqueeze(-1).to(x.dtype)  # [B,K,1]
        features = self.features(torch.cat([x, y], dim=-1)).to(x.dtype)
        count = keep.sum((1, 2))
        mean = (features * keep).sum(1) / count.clamp(min=1).unsqueeze(-1)
        code = self.summary(torch.cat([mean, log_count(count)], dim=-1))
        return Encoding(code, latent=code)
