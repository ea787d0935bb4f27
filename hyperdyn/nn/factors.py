"""True factors as a network reads them: what the privileged methods share."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.types import Context


class FactorScaling(nn.Module):
    """u = (v - centre) / half range of v, the factors or their logarithms: the training range becomes [-1, 1].

    A factor that training never varies is centred and left unscaled.

    ranges: [low, high] of each factor over the training systems, physical units; u is not clipped to them.
    log: whether a factor is scaled by its logarithm.

    Raises:
        ConfigError: ranges that are empty, or not positive where the logarithm is taken, or not one per `log`.
    """

    def __init__(self, ranges: Sequence[Sequence[float]], log: Sequence[bool]) -> None:
        super().__init__()
        low, high = _scaled_ranges(ranges, log)
        self.factor_dim = len(low)
        self.is_log: Tensor
        self.centre: Tensor
        self.half_range: Tensor
        self.register_buffer("is_log", torch.tensor(list(log), dtype=torch.bool), persistent=False)
        self.register_buffer("centre", (low + high) / 2, persistent=False)
        half_range = torch.where(high > low, (high - low) / 2, torch.ones_like(low))
        self.register_buffer("half_range", half_range, persistent=False)

    def told(self, context: Context) -> Tensor:
        """u [B,F] of the factors that a context tells.

        Raises:
            ConfigError: it tells none.
        """
        if context.factors is None:
            raise ConfigError(
                "the oracle is told the true factors, and this context has none",
                fix="fill Context.factors where `model.privileged`, or choose a model that adapts from its history",
            )
        return self(context.factors.to(self.centre.dtype))

    def forward(self, factors: Tensor) -> Tensor:
        """factors [B,F] in physical units to u [B,F].

        Raises:
            ShapeError: another number of factors than there are ranges.
        """
        if factors.ndim != 2 or factors.shape[1] != self.factor_dim:
            raise ShapeError(
                "factors do not fit the oracle", got=tuple(factors.shape), expected=f"[B, {self.factor_dim}]"
            )
        positive = torch.where(self.is_log, factors, torch.ones_like(factors))
        value = torch.where(self.is_log, positive.log(), factors)
        return (value - self.centre) / self.half_range


def _scaled_ranges(ranges: Sequence[Sequence[float]], log: Sequence[bool]) -> tuple[Tensor, Tensor]:
    """Lower and upper ends [F] on the scale on which a factor is standardised."""
    if len(ranges) != len(log) or not ranges:
        raise ConfigError("factor_ranges and factor_log differ in length", got=(len(ranges), len(log)))
    for i, ((low, high), is_log) in enumerate(zip(ranges, log, strict=True)):
        if not low <= high or (is_log and low <= 0):
            raise ConfigError(
                f"no range of factor {i}", got=[low, high], expected="low <= high, and low > 0 where factor_log"
            )
    ends = torch.tensor([list(r) for r in ranges], dtype=torch.float32)
    ends = torch.where(torch.tensor(list(log)).unsqueeze(-1), ends.clamp(min=1e-30).log(), ends)
    return ends[:, 0], ends[:, 1]
