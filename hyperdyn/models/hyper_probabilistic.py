"""HyperDynamics that knows what it does not know: its standard deviation grows with the misfit of the context."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from hyperdyn.models.base import AbstractDynamics
from hyperdyn.models.gaussian import GaussianExpert, GaussianHypernetwork, GeneratedGaussian, Scaled
from hyperdyn.nn.encoders.base import AbstractHistoryEncoder, Encoding, clean
from hyperdyn.nn.familiarity import CodeFamiliarity, between
from hyperdyn.nn.mlp import MLPSpec
from hyperdyn.types import Context, Expert, StateSpec

LEVELS = 7
INITIAL_WORTH = 8.0


class HyperProbabilistic(AbstractDynamics):
    """y ~ N(f_theta(x), (g d(x))^2), with f_theta as in `Hyper` and d generated beside it.

    d is what training makes of the residuals e_k of the context under its own expert (which has seen them); g, what the
    context then says that this system's residuals are, for each entry s of an observation:

        chi2_s = mean_k (e_ks / d_s(x_k))^2,   chi2 = mean_s chi2_s
        rho = (mu + K chi2) / (mu + K),   g_s^2 = c_K^2 (nu rho + K chi2_s) / (nu + K)

    the posterior mean of a variance under a scaled inverse chi-square prior of nu transitions' worth around rho, itself
    under one of mu transitions' worth around 1 (Gelman et al., Bayesian Data Analysis, section 2.6). For a context that
    fits badly std grows as sqrt(chi2), the scale factor of Birge (Phys. Rev. 40, 1932), however far that is from what
    training met. Likelihood trains d, nu, mu and c_K (how much larger residuals are on transitions that the expert has
    not seen) and nothing else; the mean is that of `Hyper`. Without context chi2 is 1, and g is c_0.

        surprise = max(chi2, `CodeFamiliarity` of z): the expert fails its context, or training met no such code.

    The chi-square of the information-form encoder itself has no scale: squared error leaves z, and with it every
    precision, free up to a factor.

    hidden, encoder, head, rank: as in `Hyper`; at least one hidden layer.
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
        super().__init__(spec)
        self.expert_spec = MLPSpec((spec.input_dim, *hidden, spec.change_dim), activation)
        self.encoder = encoder(spec.input_dim, spec.change_dim)
        self.hypernetwork = GaussianHypernetwork(self.expert_spec, self.encoder.code_dim, head, rank)
        self.log_worth = nn.Parameter(torch.full((2,), INITIAL_WORTH).log())  # of nu and mu
        self.log_unseen = nn.Parameter(torch.zeros(LEVELS))  # log c_K at K = 0, 1, 3, 7, ...
        self.familiarity = CodeFamiliarity(self._latent_dim(), LEVELS)

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        """Of the mean; the standard deviation is one more last layer."""
        return self.expert_spec.sizes

    def encode(self, context: Context) -> Encoding:
        """What the history of each of the B systems is encoded to."""
        x, y = self.norm.pairs(context.history)
        return self.encoder(x, y, context.mask)

    def adapt(self, context: Context) -> Expert:
        x, y, mask = clean(*self.norm.pairs(context.history), context.mask)
        encoding = self.encoder(x, y, mask)
        theta, std_theta = self.hypernetwork(encoding)
        net = GeneratedGaussian(self.expert_spec, theta, std_theta)
        chi_square, aux_loss = _misfit(net, x, y, mask)
        count = mask.sum(1).to(x.dtype)
        aux_loss = aux_loss if encoding.aux_loss is None else aux_loss + encoding.aux_loss
        return GaussianExpert(
            self.norm,
            Scaled(net, self.scale(chi_square, count)),
            code=encoding.code,
            theta=theta,
            aux_loss=aux_loss,
            surprise=torch.maximum(chi_square.mean(1), self.familiarity(encoding.latent, count).to(x.dtype)),
        )

    def scale(self, chi_square: Tensor, count: Tensor) -> Tensor:
        """g [B,Y] of chi2_s [B,Y] over `count` [B] transitions."""
        K, (nu, mu) = count.unsqueeze(1), self.log_worth.exp()
        rho = (mu + K * chi_square.mean(1, keepdim=True)) / (mu + K)
        unseen = between(count, LEVELS) @ self.log_unseen  # [B]
        return ((nu * rho + K * chi_square) / (nu + K)).sqrt() * unseen.exp().unsqueeze(1)

    @torch.no_grad()
    def _latent_dim(self) -> int:
        X, Y = self.spec.input_dim, self.spec.change_dim
        return self.encoder(torch.zeros(1, 0, X), torch.zeros(1, 0, Y), torch.zeros(1, 0).bool()).latent.shape[1]


def _misfit(net: GeneratedGaussian, x: Tensor, y: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """chi2_s [B,Y] of an expert on its own context, 1 without any; and the context's negative log-likelihood [B].

    The first carries no gradient, the second one to the standard deviation alone.
    """
    mean, std = net(x)  # [B,K,Y]
    white = ((y - mean).detach() / std).square()
    keep = mask.unsqueeze(2).to(y.dtype)
    count = keep.sum(1)  # [B,1]
    share = keep / torch.where(count > 0, count, 1.0).unsqueeze(1)
    chi_square = torch.where(count > 0, (white.detach() * share).sum(1), 1.0)
    return chi_square, ((0.5 * white + std.log()) * share).sum(1).mean(1)
