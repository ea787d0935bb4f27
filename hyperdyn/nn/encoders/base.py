"""The one contract that every history encoder fulfils: transitions in, a code out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Encoding:
    """What the history of B systems was encoded to.

    code: what the rest of the model reads.
    latent: what the history says about the system; the part of a code that is worth plotting.
    sd: standard deviation of the latent, where the encoder has one.
    chi_square: how badly the history fits any latent, where the encoder can tell.
    aux_loss: what the encoder asks to be added to the training loss.
    """

    code: Tensor  # [B,C]
    latent: Tensor  # [B,Z]
    sd: Tensor | None = None  # [B,Z]
    chi_square: Tensor | None = None  # [B]
    aux_loss: Tensor | None = None  # [B]


class AbstractHistoryEncoder(nn.Module, ABC):
    """Encodes K normalised transitions (x, y) of each system, K from 0 up.

    A masked row is as if it were not there: whatever it holds, NaN too, changes no bit of the code or of a gradient.

    input_dim, target_dim: X and Y.
    """

    def __init__(self, input_dim: int, target_dim: int) -> None:
        super().__init__()
        self.input_dim = input_dim
        self.target_dim = target_dim

    @property
    @abstractmethod
    def code_dim(self) -> int:
        """C, the size of a code."""

    @abstractmethod
    def encode(self, x: Tensor, y: Tensor, mask: Tensor) -> Encoding:
        """As `forward`, given K >= 1 and zeros in the masked rows."""

    def forward(self, x: Tensor, y: Tensor, mask: Tensor) -> Encoding:
        """x [B,K,X] normalised inputs, y [B,K,Y] normalised changes, mask [B,K] bool."""
        return self.encode(*clean(x, y, mask))


def clean(x: Tensor, y: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Zeros in masked rows, and one masked row where there is none at all.

    That row costs nothing and lets K = 0 take the path of every other K: each parameter has a gradient, of zeros, as
    distributed training demands.
    """
    if x.shape[1] == 0:
        x, y = (v.new_zeros(v.shape[0], 1, v.shape[2]) for v in (x, y))
        mask = mask.new_zeros(mask.shape[0], 1)
    rows = mask.unsqueeze(-1)
    zero = x.new_zeros(())
    return torch.where(rows, x, zero), torch.where(rows, y, zero), mask


def log_count(count: Tensor) -> Tensor:
    """Number of transitions [B] to a feature [B,1] of order one: log(1 + K) / 3."""
    return (torch.log1p(count) / 3).unsqueeze(-1)


def sort_rows(rows: Tensor, mask: Tensor, valid_first: bool = False) -> Tensor:
    """rows [B,K,.] with the masked ones moved to the front, or to the end; the others keep their order."""
    order = (~mask if valid_first else mask).to(torch.uint8).argsort(dim=1, stable=True)
    return rows.gather(1, order.unsqueeze(-1).expand_as(rows))
