"""HyperDynamics as its authors' released code configures it."""

from __future__ import annotations

from torch import nn

from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.nn.encoders.base import Encoding
from hyperdyn.nn.encoders.flat import FlatEncoder
from hyperdyn.nn.mlp import GeneratedMLP, MLPSpec
from hyperdyn.types import Context, Expert, StateSpec

HISTORY = 16
CODE_DIM = 1
HIDDEN = (128, 128)
HYPER_HIDDEN = 32
INIT_STD = 0.1


class HyperReleased(AbstractDynamics):
    """theta = g(e(history)),   s' = s + mu_y + sigma_y f_theta(x); the configuration of Xian et al. 2021's own code.

    e: 16 X - 128 - 128 - 1 on the last 16 normalised (obs, action), side by side; the code is one number.
    g: 1 - 32 - P, leaky ReLU, weights and biases drawn from N(0, 0.1); there is no theta0.
    f: X - 128 - 128 - Y, ReLU.

    Here weights are generated once per context and shared by its query rows; there, once per row.
    """

    def __init__(self, spec: StateSpec) -> None:
        super().__init__(spec)
        X, Y = spec.input_dim, spec.change_dim
        self.expert_spec = MLPSpec((X, *HIDDEN, Y), "relu")
        self.encoder = FlatEncoder(X, Y, CODE_DIM, HISTORY, HIDDEN, changes=False, activation="relu")
        self.hypernetwork = nn.Sequential(
            nn.Linear(CODE_DIM, HYPER_HIDDEN), nn.LeakyReLU(), nn.Linear(HYPER_HIDDEN, self.expert_spec.n_params)
        )
        for parameter in self.hypernetwork.parameters():
            nn.init.normal_(parameter, std=INIT_STD)

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        return self.expert_spec.sizes

    def encode(self, context: Context) -> Encoding:
        """What the history of each of the B systems is encoded to; the code is [B,1]."""
        x, y = self.norm.pairs(context.history)
        return self.encoder(x, y, context.mask)

    def adapt(self, context: Context) -> Expert:
        code = self.encode(context).code
        theta = self.hypernetwork(code)
        return ChangeExpert(self.norm, GeneratedMLP(self.expert_spec, theta), code=code, theta=theta)
