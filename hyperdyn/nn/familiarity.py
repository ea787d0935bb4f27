"""Codes that training met, and how unlike them another one is."""

from __future__ import annotations

import torch
from torch import Tensor, distributed, nn

HORIZON = 2000.0
"""Codes that a running moment looks back on; the encoder keeps changing, and old codes with it."""
RIDGE = 1e-3
"""Of the mean variance, added to every direction: one that never varied is no evidence by itself."""


class CodeFamiliarity(nn.Module):
    """chi2 = (z - mu_K)' C_K^-1 (z - mu_K) / Z, the squared Mahalanobis distance of a code from those of training.

    About 1 for a code like those, whatever K; after Lee et al., A simple unified framework for detecting
    out-of-distribution samples, NeurIPS 2018. mu_K and C_K are running moments at K = 0, 1, 3, 7, ..., and what lies
    between is interpolated in log2(1 + K). They move in training mode and carry no gradient; nothing is predicted
    from them. Without history, and before any training, the distance is 1.

    dim: Z. levels: moments are kept for K up to 2^(levels-1) - 1; longer histories share the last.
    """

    def __init__(self, dim: int, levels: int = 7) -> None:
        super().__init__()
        self.count: Tensor
        self.mean: Tensor
        self.covariance: Tensor
        self.register_buffer("count", torch.zeros(levels))
        self.register_buffer("mean", torch.zeros(levels, dim))
        self.register_buffer("covariance", torch.zeros(levels, dim, dim))

    @torch.no_grad()
    def forward(self, code: Tensor, count: Tensor) -> Tensor:
        """Distance [B] of codes [B,Z] that came of `count` [B] transitions each."""
        with torch.autocast(code.device.type, enabled=False):
            code = code.to(self.mean.dtype)
            weight = between(count.to(code.dtype), len(self.count))  # [B,L]
            if self.training:
                self._meet(code, weight)
            weight = weight * (self.count > 0)
            known = weight.sum(1)
            weight = weight / torch.where(known > 0, known, 1.0).unsqueeze(1)
            mean, covariance = weight @ self.mean, torch.einsum("bl,lij->bij", weight, self.covariance)
            return torch.where((known > 0) & (count > 0), _distance(code - mean, covariance), 1.0)

    def _meet(self, code: Tensor, weight: Tensor) -> None:
        """Move the moments towards those of these codes, of all processes together."""
        new = everywhere(weight.sum(0))
        total = (self.count + new).clamp(max=HORIZON)
        rate = (new / torch.where(total > 0, total, 1.0)).clamp(max=1)[:, None]  # [L,1]
        share = (weight / torch.where(new > 0, new, 1.0)).T  # [L,B]
        mean = everywhere(share @ code)
        apart = code - mean.unsqueeze(1)  # [L,B,Z]
        covariance = everywhere(torch.einsum("lb,lbi,lbj->lij", share, apart, apart))
        shift = mean - self.mean
        rate, keep = rate.unsqueeze(2), 1 - rate.unsqueeze(2)
        between_means = rate * keep * shift.unsqueeze(2) * shift.unsqueeze(1)
        self.covariance.copy_(keep * self.covariance + rate * covariance + between_means)
        self.mean.add_(rate.squeeze(2) * shift)
        self.count.copy_(total)


def everywhere(part: Tensor) -> Tensor:
    """The sum of what all processes of a training hold, in place; of one, what it holds."""
    if distributed.is_available() and distributed.is_initialized() and distributed.get_world_size() > 1:
        distributed.all_reduce(part)
    return part


def between(count: Tensor, levels: int) -> Tensor:
    """Where counts [B] lie between the levels K = 0, 1, 3, 7, ...: weights [B,levels] of sum 1, two of them not 0."""
    at = torch.log2(1 + count).clamp(max=levels - 1).unsqueeze(1)  # [B,1]
    return (1 - (at - torch.arange(levels, device=count.device)).abs()).clamp(min=0)


def _distance(apart: Tensor, covariance: Tensor) -> Tensor:
    """Squared Mahalanobis distance [B] a dimension of apart [B,Z] under covariance [B,Z,Z]."""
    Z = apart.shape[1]
    scale = covariance.diagonal(dim1=1, dim2=2).mean(1)
    scale = torch.where(scale > 0, scale, 1.0)[:, None, None]
    eye = torch.eye(Z, dtype=apart.dtype, device=apart.device)
    factor = torch.linalg.cholesky(covariance / scale + RIDGE * eye)
    white = torch.linalg.solve_triangular(factor, apart.unsqueeze(2), upper=False)
    return (white.squeeze(2).square() / scale.squeeze(2)).mean(1)
