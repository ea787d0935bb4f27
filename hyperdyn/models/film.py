"""The code scales and shifts the hidden layers of one global network."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from hyperdyn.errors import ConfigError
from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.nn.encoders.base import AbstractHistoryEncoder, Encoding
from hyperdyn.nn.mlp import ACTIVATIONS, mlp
from hyperdyn.nn.shared import SharedMLP, shared_layers
from hyperdyn.types import Context, Expert, StateSpec


class Film(AbstractDynamics):
    """h_l = act((1 + gamma_l) * (W_l h_{l-1} + b_l) + beta_l),   (gamma, beta) = M tanh(z),   z = encoder(history).

    Perez et al., FiLM, AAAI 2018; a code of zeros changes nothing, and no code
    more than training could have asked for, as in `Hypernetwork`. Scale and shift are folded into the weights of each
    system once per context: diag(1 + gamma) W and (1 + gamma) b + beta.

    hidden: hidden layer sizes; one at least, or there is nothing to modulate.
    encoder: (X, S) to a history encoder.

    Raises:
        ConfigError: no hidden layer.
    """

    def __init__(
        self,
        spec: StateSpec,
        encoder: Callable[[int, int], AbstractHistoryEncoder],
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
    ) -> None:
        super().__init__(spec)
        if not hidden:
            raise ConfigError("film modulates hidden layers, and there are none", got=[], fix="model.hidden=[128,128]")
        self.hidden = tuple(hidden)
        self._sizes = (spec.input_dim, *hidden, spec.change_dim)
        self.encoder = encoder(spec.input_dim, spec.change_dim)
        self.net = mlp(self._sizes, activation)
        self.modulation = nn.Linear(self.encoder.code_dim, 2 * sum(hidden), bias=False)
        self._activation = ACTIVATIONS[activation]

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        return self._sizes

    def encode(self, context: Context) -> Encoding:
        """What the history of each of the B systems is encoded to."""
        x, y = self.norm.pairs(context.history)
        return self.encoder(x, y, context.mask)

    def adapt(self, context: Context) -> Expert:
        encoding = self.encode(context)
        net = self.modulated(encoding.code)
        return ChangeExpert(self.norm, net, code=encoding.code, aux_loss=encoding.aux_loss)

    def modulated(self, code: Tensor) -> SharedMLP:
        """code [B,Z] to the network of each system, x [B,N,X] to [B,N,Y]."""
        gain, shift = self.modulation(code.tanh()).unsqueeze(1).chunk(2, dim=-1)  # [B,1,all hidden units] each
        *body, last = shared_layers(self.net)
        parts = zip(body, gain.split(self.hidden, dim=-1), shift.split(self.hidden, dim=-1), strict=True)
        layers = [(weight * (1 + g), bias * (1 + g) + b) for (weight, bias), g, b in parts]
        return SharedMLP([*layers, last], self._activation)
