"""The code beside state and action in one global network: the plainest way to use a context."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.nn.coded import CodedMLP
from hyperdyn.nn.encoders.base import AbstractHistoryEncoder, Encoding
from hyperdyn.types import Context, Expert, StateSpec


class Concat(AbstractDynamics):
    """z = encoder(history),   s' = s + mu_y + sigma_y f([x, z]): the baseline "Direct" of Xian et al. 2021.

    hidden: hidden layer sizes of f.
    encoder: (X, S) to a history encoder.
    """

    def __init__(
        self,
        spec: StateSpec,
        encoder: Callable[[int, int], AbstractHistoryEncoder],
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
    ) -> None:
        super().__init__(spec)
        self.encoder = encoder(spec.input_dim, spec.change_dim)
        self.net = CodedMLP((spec.input_dim, *hidden, spec.change_dim), self.encoder.code_dim, activation)

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        """(X + Z, ..., S); the code's share of the first layer is computed once per context and not in every step."""
        return self.net.sizes

    def encode(self, context: Context) -> Encoding:
        """What the history of each of the B systems is encoded to."""
        x, y = self.norm.pairs(context.history)
        return self.encoder(x, y, context.mask)

    def adapt(self, context: Context) -> Expert:
        encoding = self.encode(context)
        return ChangeExpert(self.norm, self.net(encoding.code), code=encoding.code, aux_loss=encoding.aux_loss)
