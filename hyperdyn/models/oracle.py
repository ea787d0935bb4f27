"""The identification ceiling: what a hypernetwork does when it is told the true factors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from hyperdyn.models.generated import AbstractGenerated
from hyperdyn.nn.factors import FactorScaling
from hyperdyn.nn.hypernetwork import Hypernetwork
from hyperdyn.nn.mlp import mlp
from hyperdyn.types import Context, Expert, StateSpec


class Oracle(AbstractGenerated):
    """theta = theta0 + scale * head(e(u)),   s' = s + mu_y + sigma_y f_theta(x), with u the factors scaled to [-1, 1].

    factor_ranges, factor_log: see `FactorScaling`.
    hidden: hidden layer sizes of f, the network that is executed.
    code_dim, encoder_hidden: output and hidden layer sizes of e.
    head, rank: see `Hypernetwork`.
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
        super().__init__(spec, hidden, activation)
        self.scaling = FactorScaling(factor_ranges, factor_log)
        self.encoder = mlp((self.scaling.factor_dim, *encoder_hidden, code_dim), activation)
        self.hypernetwork = Hypernetwork(self.expert_spec, code_dim, head, rank)

    def adapt(self, context: Context) -> Expert:
        """As every model.

        Raises:
            ConfigError: the context does not tell the factors.
            ShapeError: it tells another number of them.
        """
        return self.generated(self.encoder(self.scaling.told(context)))
