"""An expert that says how far its prediction may be off."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from torch import Tensor

from hyperdyn.nn.normalise import Normaliser
from hyperdyn.types import Expert, Step

CENTRE, REACH = -1.5, 4.5
"""The logarithm of a normalised standard deviation stays within CENTRE +- REACH: from 1/400 to 20."""


@final
class GaussianExpert(Expert):
    """s' ~ N(s + mu_y + sigma_y m(x), (sigma_y d(x))^2), a Gaussian of the normalised change. Its state is the mean.

    net: [B,N,X] to (m, d), [B,N,S] each. What d is computed from must not carry a gradient to what m is computed from.
    """

    def __init__(
        self,
        norm: Normaliser,
        net: Callable[[Tensor], tuple[Tensor, Tensor]],
        *,
        code: Tensor | None = None,
        theta: Tensor | None = None,
        aux_loss: Tensor | None = None,
    ) -> None:
        self.norm = norm
        self.net = net
        self.code = code
        self.theta = theta
        self.aux_loss = aux_loss

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor) -> Step:
        change, std = self.net(self.norm.inputs(state, action))  # [B,N,S]
        next_obs = self.norm.advance(state, change)
        return Step(next_obs, next_obs, std * self.norm.change_std)


def bounded_std(raw: Tensor) -> Tensor:
    """A network's output to a normalised standard deviation: about exp(raw) where that is neither tiny nor huge."""
    return (CENTRE + REACH * ((raw - CENTRE) / REACH).tanh()).exp()
