"""Gaussian noise that is correlated in time, one generator per system.

Every kind of noise here is a matrix R [H,H] that turns white noise w into R w with covariance R R' of unit diagonal, so
that correlating a whole decision's noise is one product.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import torch
from torch import Tensor


@lru_cache(maxsize=16)
def ar1_factor(horizon: int, coefficient: float) -> Tensor:
    """R [H,H] of the stationary AR(1) process x_t = c x_{t-1} + sqrt(1 - c^2) w_t: covariance c^|t-s|, 0 <= c < 1."""
    t = torch.arange(horizon, dtype=torch.float64)
    lag = t[:, None] - t
    factor = torch.where(lag >= 0, coefficient ** lag.clamp(min=0), 0.0)
    factor[:, 1:] *= math.sqrt(1 - coefficient**2)
    return factor.float()


@lru_cache(maxsize=16)
def coloured_factor(horizon: int, beta: float) -> Tensor:
    """R [H,H] of noise whose power falls as frequency^-beta (0 white, 1 pink, 2 brown), with period H.

    The lowest frequency is given the power of 1/H, as in Timmer and Koenig (1995), the sampler of iCEM (Pinneri et al.
    2020); unlike there, the constant component counts towards the unit variance.
    """
    frequency = torch.fft.fftfreq(horizon, dtype=torch.float64).abs().clamp(min=1 / horizon)
    power = frequency**-beta
    column = torch.fft.ifft((power / power.mean()).sqrt()).real  # of the symmetric root, which is circulant
    t = torch.arange(horizon)
    return column[(t[:, None] - t) % horizon].float()


def uniform(noise: Tensor) -> Tensor:
    """Noise of the standard normal distribution, as noise that is uniform in [-1, 1]: 2 Phi(e) - 1."""
    return torch.erf(noise * math.sqrt(0.5))


def correlated(factor: Tensor, generators: Sequence[torch.Generator], rows: int, action_dim: int) -> Tensor:
    """Noise [B,H,rows,A], system b drawn from generators[b] alone, on the device of the generators."""
    B, H = len(generators), factor.shape[0]
    white = torch.empty(B, H, rows * action_dim, device=generators[0].device)
    for row, generator in zip(white, generators, strict=True):
        row.normal_(generator=generator)
    factor = factor.to(white.device)
    return torch.bmm(factor.expand(B, H, H), white).view(B, H, rows, action_dim)
