"""The identification ceiling: what a hypernetwork does when it is told the true factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.nn.hypernetwork import Hypernetwork
from hyperdyn.nn.mlp import GeneratedMLP, MLPSpec, mlp
from hyperdyn.types import Context, Expert, StateSpec


class Oracle(AbstractDynamics):
    """theta = theta0 + scale * head(e(u)),   s' = s + mu_y + sigma_y f_theta(x), with u the factors scaled to [-1, 1].

    factor_ranges: [low, high] of each factor over the training systems, physical units; u is not clipped to them.
    factor_log: whether a factor is scaled by its logarithm.
    hidden: hidden layer sizes of f, the network that is executed.
    code_dim, encoder_hidden: output and hidden layer sizes of e.
    head, rank: see `Hypernetwork`.

    Raises:
        ConfigError: ranges that are empty, or not positive where the logarithm is taken, or not one per factor_log.
    """

    privileged: ClassVar[bool] = True

    def __init__(
        self,
        spec: StateSpec,
        factor_ranges: Sequence[Sequence[float]],
        factor_log: Sequence[bool],
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
        code_dim: int = 64,
        encoder_hidden: Sequence[int] = (128,),
        head: str = "full",
        rank: int = 16,
    ) -> None:
        super().__init__(spec)
        low, high = _scaled_ranges(factor_ranges, factor_log)
        self.is_log: Tensor
        self.centre: Tensor
        self.half_range: Tensor
        self.register_buffer("is_log", torch.tensor(list(factor_log), dtype=torch.bool), persistent=False)
        self.register_buffer("centre", (low + high) / 2, persistent=False)
        self.register_buffer("half_range", (high - low) / 2, persistent=False)
        self.expert_spec = MLPSpec((spec.input_dim, *hidden, spec.obs_dim), activation)
        self.encoder = mlp((len(low), *encoder_hidden, code_dim), activation)
        self.hypernetwork = Hypernetwork(self.expert_spec, code_dim, head, rank)

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        return self.expert_spec.sizes

    def standardise(self, factors: Tensor) -> Tensor:
        """factors [B,F] in physical units to [B,F], the training range to [-1, 1].

        Raises:
            ShapeError: another number of factors than there are ranges.
        """
        F = self.is_log.shape[0]
        if factors.ndim != 2 or factors.shape[1] != F:
            raise ShapeError("factors do not fit the oracle", got=tuple(factors.shape), expected=f"[B, {F}]")
        positive = torch.where(self.is_log, factors, torch.ones_like(factors))
        value = torch.where(self.is_log, positive.log(), factors)
        return (value - self.centre) / self.half_range

    def adapt(self, context: Context) -> Expert:
        """As every model.

        Raises:
            ConfigError: the context does not tell the factors.
        """
        if context.factors is None:
            raise ConfigError(
                "the oracle is told the true factors, and this context has none",
                fix="fill Context.factors where `model.privileged`, or choose a model that adapts from its history",
            )
        code = self.encoder(self.standardise(context.factors.to(self.centre.dtype)))
        theta = self.hypernetwork(code)
        return ChangeExpert(self.norm, GeneratedMLP(self.expert_spec, theta), code=code, theta=theta)


def _scaled_ranges(ranges: Sequence[Sequence[float]], log: Sequence[bool]) -> tuple[Tensor, Tensor]:
    """Lower and upper ends [F] on the scale on which a factor is standardised."""
    if len(ranges) != len(log) or not ranges:
        raise ConfigError("factor_ranges and factor_log differ in length", got=(len(ranges), len(log)))
    for i, ((low, high), is_log) in enumerate(zip(ranges, log, strict=True)):
        if not low < high or (is_log and low <= 0):
            raise ConfigError(
                f"no range of factor {i}", got=[low, high], expected="low < high, and low > 0 where factor_log"
            )
    ends = torch.tensor([list(r) for r in ranges], dtype=torch.float32)
    ends = torch.where(torch.tensor(list(log)).unsqueeze(-1), ends.clamp(min=1e-30).log(), ends)
    return ends[:, 0], ends[:, 1]
