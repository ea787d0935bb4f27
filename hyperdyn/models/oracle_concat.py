"""The identification ceiling of `concat`: the true factors beside state and action in one global network."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.nn.coded import CodedMLP
from hyperdyn.nn.factors import FactorScaling
from hyperdyn.nn.mlp import mlp
from hyperdyn.types import Context, Expert, StateSpec


class OracleConcat(AbstractDynamics):
    """s' = s + mu_y + sigma_y f([x, e(u)]), with u the factors scaled to [-1, 1]; `Oracle` without a hypernetwork.

    factor_ranges, factor_log: see `FactorScaling`.
    hidden: hidden layer sizes of f.
    code_dim, encoder_hidden: output and hidden layer sizes of e.
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
    ) -> None:
        super().__init__(spec)
        self.scaling = FactorScaling(factor_ranges, factor_log)
        self.encoder = mlp((self.scaling.factor_dim, *encoder_hidden, code_dim), activation)
        self.net = CodedMLP((spec.input_dim, *hidden, spec.change_dim), code_dim, activation)

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        """(X + Z, ..., S); the code's share of the first layer is computed once per context and not in every step."""
        return self.net.sizes

    def adapt(self, context: Context) -> Expert:
        """As every model.

        Raises:
            ConfigError: the context does not tell the factors.
            ShapeError: it tells another number of them.
        """
        code = self.encoder(self.scaling.told(context))
        return ChangeExpert(self.norm, self.net(code), code=code)
