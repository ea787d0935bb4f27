"""HyperDynamics: a hypernetwork generates all the weights of a dynamics network for the system at hand."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hyperdyn.models.generated import AbstractGenerated
from hyperdyn.nn.encoders.base import AbstractHistoryEncoder, Encoding
from hyperdyn.nn.hypernetwork import Hypernetwork
from hyperdyn.types import Context, Expert, StateSpec


class Hyper(AbstractGenerated):
    """theta = theta0 + scale * head(encoder(history)),   s' = s + mu_y + sigma_y f_theta(x).

    Xian et al., HyperDynamics, ICLR 2021, with weights generated once per context and K from 0 up.

    hidden: hidden layer sizes of f, the network that is executed.
    encoder: (X, S) to a history encoder.
    head, rank: see `Hypernetwork`.
    """

    def __init__(
        self,
        spec: StateSpec,
        encoder: Callable[[int, int], AbstractHistoryEncoder],
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
        head: str = "full",
        rank: int = 16,
    ) -> None:
        super().__init__(spec, hidden, activation)
        self.encoder = encoder(spec.input_dim, spec.change_dim)
        self.hypernetwork = Hypernetwork(self.expert_spec, self.encoder.code_dim, head, rank)

    def encode(self, context: Context) -> Encoding:
        """What the history of each of the B systems is encoded to."""
        x, y = self.norm.pairs(context.history)
        return self.encoder(x, y, context.mask)

    def decode(self, encoding: Encoding) -> Expert:
        """The experts that belong to what the histories were encoded to."""
        return self.generated(encoding.code, encoding.aux_loss)

    def adapt(self, context: Context) -> Expert:
        return self.decode(self.encode(context))
