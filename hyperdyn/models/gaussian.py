"""Experts that say how far their prediction may be off."""

from __future__ import annotations

from collections.abc import Callable
from typing import final

import torch
from torch import Tensor, nn

from hyperdyn.errors import ConfigError
from hyperdyn.nn.encoders.base import Encoding
from hyperdyn.nn.hypernetwork import Hypernetwork
from hyperdyn.nn.mlp import ACTIVATIONS, GeneratedMLP, MLPSpec
from hyperdyn.nn.normalise import Normaliser
from hyperdyn.types import Expert, Step

CENTRE, REACH = -1.5, 4.5
"""The logarithm of a normalised standard deviation stays within CENTRE +- REACH: from 1/400 to 20."""


@final
class GaussianExpert(Expert):
    """s' ~ N(s + mu_y + sigma_y m(x), (sigma_y d(x))^2), a Gaussian of the normalised change. Its state is the mean.

    net: [B,N,X] to (m, d), [B,N,Y] each. What d is computed from must not carry a gradient to what m is computed from.
    """

    def __init__(
        self,
        norm: Normaliser,
        net: Callable[[Tensor], tuple[Tensor, Tensor]],
        *,
        code: Tensor | None = None,
        theta: Tensor | None = None,
        aux_loss: Tensor | None = None,
        surprise: Tensor | None = None,
    ) -> None:
        self.action_dim = norm.spec.action_dim
        self.norm = norm
        self.net = net
        self.code = code
        self.theta = theta
        self.aux_loss = aux_loss
        self.surprise = surprise

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor) -> Step:
        change, std = self.net(self.norm.inputs(state, action))  # [B,N,Y]
        next_obs = self.norm.advance(state, change)
        return Step(next_obs, next_obs, self.norm.spread(state, std))


def bounded_std(raw: Tensor) -> Tensor:
    """A network's output to a normalised standard deviation: about exp(raw) where that is neither tiny nor huge."""
    return (CENTRE + REACH * ((raw - CENTRE) / REACH).tanh()).exp()


class GaussianHypernetwork(nn.Module):
    """A generated network with a second last layer, for the standard deviation.

    m = W h + b,   d = bounded_std(W' sg(h) + b'),   h the last hidden layer of f_theta,   (W', b') = head'(sg([z, u]))

    u is the mean logarithm of the latent's standard deviation, zero where the encoder gives none. sg stops gradients:
    whatever d is trained by, m is what it would be without it.

    spec: of f.
    """

    def __init__(self, spec: MLPSpec, code_dim: int, head: str = "full", rank: int = 16) -> None:
        super().__init__()
        if len(spec.sizes) < 3:
            raise ConfigError("a standard deviation reads a hidden layer", got="hidden=[]", fix="model.hidden=[128]")
        self.spec = spec
        self.mean = Hypernetwork(spec, code_dim, head, rank)
        self.std = Hypernetwork(MLPSpec(spec.sizes[-2:]), code_dim + 1, head, rank)

    def forward(self, encoding: Encoding) -> tuple[Tensor, Tensor]:
        """Weights [B,P] of f, and [B,P'] of the layer that gives d."""
        code = encoding.code
        sd = code.new_zeros(len(code), 1) if encoding.sd is None else encoding.sd.log().mean(1, keepdim=True)
        return self.mean(code), self.std(torch.cat([code, sd.to(code.dtype)], dim=1).detach())


@final
class GeneratedGaussian:
    """B networks x [B,N,X] to (m, d) [B,N,Y], of weights that a `GaussianHypernetwork` generated."""

    def __init__(self, spec: MLPSpec, theta: Tensor, std_theta: Tensor) -> None:
        trunk, last = MLPSpec(spec.sizes[:-1], spec.activation), MLPSpec(spec.sizes[-2:])
        of_trunk, of_last = theta.split([trunk.n_params, last.n_params], dim=1)
        self._trunk, self._last = GeneratedMLP(trunk, of_trunk), GeneratedMLP(last, of_last)
        self._std = GeneratedMLP(last, std_theta)
        self._activation = ACTIVATIONS[spec.activation]
        self._whole = spec, theta

    @property
    def mean(self) -> GeneratedMLP:
        """The networks of m alone."""
        return GeneratedMLP(*self._whole)

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        h = self._activation(self._trunk(x))
        return self._last(h), bounded_std(self._std(h.detach()))


@final
class Scaled:
    """The same mean, and the standard deviation times scale [B,Y]."""

    def __init__(self, net: GeneratedGaussian, scale: Tensor) -> None:
        self._net = net
        self._scale = scale.unsqueeze(1)

    @property
    def mean(self) -> GeneratedMLP:
        """The networks of m alone."""
        return self._net.mean

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        mean, std = self._net(x)
        return mean, std * self._scale
