"""GrBAL: a few gradient steps on the history, from weights that were trained to be a good start for them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from hyperdyn.errors import ConfigError, nearest
from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.nn.encoders.base import clean
from hyperdyn.nn.mlp import GeneratedMLP, MLPSpec
from hyperdyn.types import Context, Expert, StateSpec

ORDERS = ("second", "first")
RATES = ("layer", "parameter", "fixed")


class GrBAL(AbstractDynamics):
    """theta_{j+1} = theta_j - alpha_j * grad L(theta_j),   s' = s + mu_y + sigma_y f_{theta_J}(x).

    L is the mean squared error of the normalised change over the known transitions; theta_0 and the rates alpha_j > 0
    are trained through the J steps. Nagabandi et al., Learning to adapt in dynamic, real-world environments, ICLR 2019
    (the method that HyperDynamics calls MB-MAML), after MAML, Finn et al., ICML 2017; learned rates as in Li et al.,
    Meta-SGD, 2017, and Antoniou et al., How to train your MAML, ICLR 2019.

    hidden: hidden layer sizes of f.
    steps: J.
    inner_lr: what every rate begins with.
    rates: "layer", one for the weight and one for the bias of each layer and step; "parameter", one for each entry of
        theta and step; "fixed", inner_lr throughout.
    order: "second" trains through the gradient steps as they are; "first" takes their gradient for a constant, at
        less cost.

    Raises:
        ConfigError: an unknown name, fewer steps than one, a rate that is not positive.
    """

    def __init__(
        self,
        spec: StateSpec,
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
        steps: int = 1,
        inner_lr: float = 0.05,
        rates: Literal["layer", "parameter", "fixed"] = "layer",
        order: Literal["second", "first"] = "second",
    ) -> None:
        super().__init__(spec)
        for name, value, valid in (("rates", rates, RATES), ("order", order, ORDERS)):
            if value not in valid:
                raise ConfigError(f"grbal: unknown {name}", got=value, fix=nearest(str(value), valid))
        if steps < 1 or inner_lr <= 0:
            got = f"steps={steps}, inner_lr={inner_lr}"
            raise ConfigError("grbal: no gradient step", got=got, expected="steps >= 1 and inner_lr > 0")
        self.expert_spec = MLPSpec((spec.input_dim, *hidden, spec.change_dim), activation)
        self.order = order
        self.theta0 = nn.Parameter(self.expert_spec.init())  # [P]
        groups = self.expert_spec.n_params if rates == "parameter" else len(self.expert_spec.chunks)
        log_rates = torch.full((steps, groups), math.log(inner_lr))
        self.log_rates = nn.Parameter(log_rates, requires_grad=rates != "fixed")

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        return self.expert_spec.sizes

    def rates(self) -> Tensor:
        """alpha [J,P], positive."""
        rates = self.log_rates.exp()
        if rates.shape[1] == self.expert_spec.n_params:
            return rates
        chunks = torch.tensor(self.expert_spec.chunks, device=rates.device)
        return rates.repeat_interleave(chunks, dim=1, output_size=self.expert_spec.n_params)

    def adapt(self, context: Context) -> Expert:
        """As every model; gradients are taken inside even where they are switched off outside."""
        x, y, mask = clean(*self.norm.pairs(context.history), context.mask)
        theta = self.theta0.expand(mask.shape[0], -1)  # [B,P]
        for rate in self.rates():
            theta = theta - rate * self._gradient(theta, x, y, mask)
        return ChangeExpert(self.norm, GeneratedMLP(self.expert_spec, theta), theta=theta)

    def _gradient(self, theta: Tensor, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        """The gradient [B,P] of each system's own L."""
        through = self.order == "second" and torch.is_grad_enabled() and theta.requires_grad
        with torch.enable_grad():
            at = theta if through else theta.detach().requires_grad_()
            error = (GeneratedMLP(self.expert_spec, at)(x) - y).square().mean(-1) * mask  # [B,K]
            loss = error.sum(1) / mask.sum(1).clamp(min=1)
            (gradient,) = torch.autograd.grad(loss.sum(), at, create_graph=through)  # no system is in another's loss
        return gradient
