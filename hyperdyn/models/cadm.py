"""CaDM: a context that must explain dynamics forward and backward, read by an ensemble of probabilistic networks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import torch
from torch import Tensor, nn

from hyperdyn.errors import ConfigError
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.models.ensemble import EnsembleExpert, per_member
from hyperdyn.models.gaussian import GaussianExpert, bounded_std
from hyperdyn.nn.encoders.base import AbstractHistoryEncoder, clean
from hyperdyn.nn.mlp import ACTIVATIONS, GeneratedMLP, MLPSpec, mlp
from hyperdyn.types import Context, Expert, StateSpec, Transitions


class CaDM(AbstractDynamics):
    """z = e(..., [y_k, a_k], ...),   s' ~ N(s + mu_y + sigma_y f_m([x, z]), (sigma_y d_m([x, z]))^2),   m = 1 ... M.

    Lee et al., Context-aware dynamics model for generalization in model-based RL, ICML 2020. y is the normalised
    change, a the normalised action. The context must also let a backward network b undo transitions:

        aux_loss = beta * mean_k |b([x(s'_k, a_k), z']) + y_k|^2

    Only the context's own transitions are at hand for it; so that z' cannot simply carry their y_k, it is encoded from
    every other transition and judged on those between. d_m is one more last layer beside f_m's; what it reads of the
    layers below is a constant to it, as `DynamicsModule` asks.

    encoder: (X - D, Y) to a history encoder of ([a_k], [y_k]).
    hidden: hidden layer sizes of each f_m, and of b.
    members: M.
    backward_weight: beta.

    Raises:
        ConfigError: no hidden layer, fewer members than one, a negative beta.
    """

    def __init__(
        self,
        spec: StateSpec,
        encoder: Callable[[int, int], AbstractHistoryEncoder],
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
        members: int = 5,
        backward_weight: float = 0.5,
    ) -> None:
        super().__init__(spec)
        if not hidden or members < 1 or backward_weight < 0:
            got = f"hidden={list(hidden)}, members={members}, backward_weight={backward_weight}"
            raise ConfigError("cadm", got=got, expected="a hidden layer, members >= 1, backward_weight >= 0")
        self.encoder = encoder(spec.input_dim - spec.feature_dim, spec.change_dim)
        self._sizes = (spec.input_dim + self.encoder.code_dim, *hidden, spec.change_dim)
        self.trunk_spec = MLPSpec(self._sizes[:-1], activation)
        self.head_spec = MLPSpec(self._sizes[-2:])
        self.trunk, self.mean_head, self.std_head = (
            nn.Parameter(torch.stack([s.init() for _ in range(members)]))  # [M,P]
            for s in (self.trunk_spec, self.head_spec, self.head_spec)
        )
        self.backward_net = mlp(self._sizes, activation)
        self.backward_weight = backward_weight

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        """Of one member."""
        return self._sizes

    def adapt(self, context: Context) -> Expert:
        action = self.norm.inputs(context.history.obs, context.history.action)[..., self.spec.feature_dim :]
        action, y, mask = clean(action, self.norm.changes(context.history.obs, context.history.next_obs), context.mask)
        code = self.encoder(action, y, mask).code
        aux_loss = self._backward_loss(context.history, action, y, mask) if self.training else None
        M = len(self.trunk)
        members = GaussianExpert(self.norm, _Members(self, per_member(code, M)))
        return EnsembleExpert(members, M, split=self.training, code=code, aux_loss=aux_loss)

    def _backward_loss(self, history: Transitions, action: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        """beta times the mean squared error [B] of undoing every other transition."""
        judged = torch.arange(mask.shape[1], device=mask.device) % 2 == 0  # [K]
        code = self.encoder(action, y, mask & ~judged).code
        after = self.norm.inputs(history.next_obs, history.action)  # [B,K,X]
        if after.shape[1] == 0:
            after = after.new_zeros(*mask.shape, after.shape[2])
        mask, y = mask[:, judged], y[:, judged]
        after = torch.where(mask.unsqueeze(-1), after[:, judged], 0.0)
        code = code.unsqueeze(1).expand(-1, mask.shape[1], -1)
        error = (self.backward_net(torch.cat([after, code], dim=-1)) + y).square().mean(-1) * mask  # [B,K/2]
        return self.backward_weight * error.sum(1) / mask.sum(1).clamp(min=1)


@final
class _Members:
    """[B*M,n,X] to mean and standard deviation: system b's member m reads code [B*M,Z] and runs network m."""

    def __init__(self, model: CaDM, code: Tensor) -> None:
        self._code = code.unsqueeze(1)
        self._size = len(model.trunk)
        self._trunk = GeneratedMLP(model.trunk_spec, model.trunk)
        self._mean = GeneratedMLP(model.head_spec, model.mean_head)
        self._std = GeneratedMLP(model.head_spec, model.std_head)
        self._activation = ACTIVATIONS[model.trunk_spec.activation]

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        n = x.shape[1]
        x = torch.cat([x, self._code.expand(-1, n, -1)], dim=-1).unflatten(0, (-1, self._size))  # [B,M,n,X+Z]
        h = self._activation(self._trunk(x.transpose(0, 1).flatten(1, 2)))  # [M,B*n,.]
        mean, std = self._mean(h), bounded_std(self._std(h.detach()))
        mean, std = (v.unflatten(1, (-1, n)).transpose(0, 1).flatten(0, 1) for v in (mean, std))
        return mean, std
