"""The information-form encoder: every transition is a measurement of z, and measurements add up."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from hyperdyn.nn.encoders.base import AbstractHistoryEncoder, Encoding, clean, log_count
from hyperdyn.nn.mlp import mlp

MAX_LOG_PRECISION = 8.0
"""Log-precisions are bent smoothly to stay within this: no single transition can make the system singular."""


@dataclass(frozen=True)
class Evidence:
    """All that the transitions of B systems say: sums over transitions, so evidence of two histories adds.

    gram: sum_i G_i' G_i of G_i = sqrt(w_i) [J_i, r_i]: precision, information and energy in one matrix.
    """

    gram: Tensor  # [B,Z+1,Z+1]
    summary: Tensor  # [B,M] sum of the transitions' features
    count: Tensor  # [B] number of transitions
    base_error: Tensor  # [B] sum of the base network's mean squared errors

    @property
    def precision(self) -> Tensor:
        """[B,Z,Z] sum_i J_i' diag(w_i) J_i, the prior's identity not included."""
        return self.gram[:, :-1, :-1]

    @property
    def information(self) -> Tensor:
        """[B,Z] sum_i J_i' diag(w_i) r_i."""
        return self.gram[:, :-1, -1]

    @property
    def energy(self) -> Tensor:
        """[B] sum_i r_i' diag(w_i) r_i."""
        return self.gram[:, -1, -1]

    def __add__(self, other: Evidence) -> Evidence:
        return Evidence(*(getattr(self, f.name) + getattr(other, f.name) for f in fields(self)))

    def decay(self, factor: float | Tensor) -> Evidence:
        """The same evidence, worth only `factor` (one for all, or [B]) of what it was: how a stream forgets."""
        kept = (getattr(self, f.name) for f in fields(self))
        if isinstance(factor, Tensor):
            return Evidence(*(v * factor.view(-1, *(1,) * (v.dim() - 1)) for v in kept))
        return Evidence(*(v * factor for v in kept))


@dataclass(frozen=True)
class Posterior:
    """z ~ N(mean, Lambda^-1) given the evidence and the prior N(0, I).

    chi_square: min_z of sum_i |r_i - J_i z|^2_{w_i} + |z|^2, the misfit that no z explains away. If residuals are as
        the precisions and the prior claim, it is chi-square distributed with S degrees of freedom a transition.
    """

    mean: Tensor  # [B,Z]
    sd: Tensor  # [B,Z]
    chi_square: Tensor  # [B]


class InformationEncoder(AbstractHistoryEncoder):
    """A learned Gauss-Newton step from the prior; this project's addition to the paper.

    r_i = y_i - b(x_i)            what a base network b leaves unexplained; b learns by its own loss only
    c_i = [x_i, y_i, 2 r_i]
    m = f([mean_i g(c_i), log(1+K)/3])
    (J_i, log w_i) = j(c_i)       how z shows in this transition [S,Z], and how much to trust it [S]
    Lambda = I + sum_i J_i' diag(w_i) J_i,   z = Lambda^-1 sum_i J_i' diag(w_i) r_i,   sd = sqrt(diag Lambda^-1)
    t = h([m, z, sd]),   code = [m, z, t]

    Sums over transitions are all it keeps of a history (`Evidence`): they stream, forget by decay and merge; with no
    transition z is the prior's.
    """

    def __init__(
        self,
        input_dim: int,
        target_dim: int,
        latent_dim: int = 32,
        hidden_dim: int = 128,
        base_dim: int = 64,
        mean_dim: int = 32,
        mix_dim: int = 64,
        activation: str = "silu",
    ) -> None:
        super().__init__(input_dim, target_dim)
        X, S, Z = input_dim, target_dim, latent_dim
        row_dim = X + 2 * S
        self.latent_dim = latent_dim
        self._code_dim = mean_dim + latent_dim + mix_dim
        self.base = mlp((X, base_dim, base_dim, S), activation)
        self.features = mlp((row_dim, hidden_dim, hidden_dim), activation)
        self.summary = mlp((hidden_dim + 1, hidden_dim, mean_dim), activation)
        self.jacobian = mlp((row_dim, hidden_dim, hidden_dim, S * Z + S), activation)
        self.mix = mlp((mean_dim + 2 * Z, mix_dim, mix_dim), activation)
        with torch.no_grad():  # a single transition should start out as weak evidence
            for parameter in self.jacobian[-1].parameters():
                parameter.mul_(0.3)

    @property
    def code_dim(self) -> int:
        return self._code_dim

    def evidence(self, x: Tensor, y: Tensor, mask: Tensor) -> Evidence:
        """What the transitions x [B,K,X], y [B,K,Y] where mask [B,K] say."""
        return self._evidence(*clean(x, y, mask))

    def posterior(self, evidence: Evidence) -> Posterior:
        """What is known of z given the evidence."""
        with torch.autocast(evidence.gram.device.type, enabled=False):
            return solve(evidence)

    def encode_evidence(self, evidence: Evidence) -> Encoding:
        """The code that belongs to the evidence."""
        posterior = self.posterior(evidence)
        count = torch.where(evidence.count > 0, evidence.count, 1).unsqueeze(-1)  # a mean of nothing is zero
        m = self.summary(torch.cat([evidence.summary / count, log_count(evidence.count)], dim=-1))
        t = self.mix(torch.cat([m, posterior.mean, posterior.sd], dim=-1))
        code = torch.cat([m, posterior.mean, t], dim=-1)
        aux_loss = evidence.base_error / count.squeeze(-1)
        return Encoding(code, posterior.mean, posterior.sd, posterior.chi_square, aux_loss)

    def encode(self, x: Tensor, y: Tensor, mask: Tensor) -> Encoding:
        return self.encode_evidence(self._evidence(x, y, mask))

    def _evidence(self, x: Tensor, y: Tensor, mask: Tensor) -> Evidence:
        S = y.shape[-1]
        keep = mask.unsqueeze(-1).to(y.dtype)  # [B,K,1]
        error = y - self.base(x).to(y.dtype)
        residual = error.detach()
        rows = torch.cat([x, y, 2 * residual], dim=-1)
        summary = (self.features(rows).to(y.dtype) * keep).sum(1)
        jacobian, log_precision = self.jacobian(rows).to(y.dtype).split([S * self.latent_dim, S], dim=-1)
        with torch.autocast(y.device.type, enabled=False):
            root = torch.exp(bend(log_precision) / 2) * keep  # [B,K,Y] sqrt(w)
            gain = torch.cat([jacobian.unflatten(-1, (S, -1)), residual.unsqueeze(-1)], dim=-1)  # [B,K,S,Z+1]
            gain = (gain * root.unsqueeze(-1)).flatten(1, 2)  # [B,K*S,Z+1]
            gram = gain.mT @ gain  # [B,Z+1,Z+1]
        base_error = (error.square() * keep).mean(-1).sum(1)
        return Evidence(gram, summary, keep.sum((1, 2)), base_error)


def bend(log_precision: Tensor) -> Tensor:
    """The identity near zero, never beyond +-MAX_LOG_PRECISION."""
    return MAX_LOG_PRECISION * torch.tanh(log_precision / MAX_LOG_PRECISION)


def solve(evidence: Evidence) -> Posterior:
    """The posterior of z by a Cholesky factorisation."""
    precision, information = evidence.precision, evidence.information
    Z = precision.shape[-1]
    eye = torch.eye(Z, dtype=precision.dtype, device=precision.device)
    # Rounding in the sum could outweigh the prior where evidence is overwhelming; with none, nothing is added.
    slack = torch.finfo(precision.dtype).eps * precision.diagonal(dim1=-2, dim2=-1).sum(-1)
    factor = torch.linalg.cholesky(precision + (1 + slack)[:, None, None] * eye)
    inverse = torch.cholesky_solve(eye.expand_as(precision), factor)
    mean = (inverse @ information.unsqueeze(-1)).squeeze(-1)
    sd = inverse.diagonal(dim1=-2, dim2=-1).sqrt()
    return Posterior(mean, sd, evidence.energy - (information * mean).sum(-1))
