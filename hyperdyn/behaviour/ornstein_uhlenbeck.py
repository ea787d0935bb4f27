"""Noise that is correlated in time."""

from __future__ import annotations

import numpy as np

from hyperdyn.behaviour.base import AbstractOpenLoop, Array
from hyperdyn.behaviour.ranges import check_range


class OrnsteinUhlenbeck(AbstractOpenLoop):
    """The Ornstein-Uhlenbeck process, sampled exactly and started from its stationary law, then clipped to the box.

        x_{t+1} = rho x_t + sqrt(1 - rho^2) sigma e_t,    e_t ~ N(0, I),    rho = exp(-dt / tau)

    so that x_t ~ N(0, sigma^2) and corr(x_t, x_{t+k}) = rho^k at every t (Uhlenbeck and Ornstein 1930).

    tau: [low, high] of the correlation time [s]; one for each episode.
    sigma: [low, high] of the standard deviation; one for each episode.
    """

    def __init__(self, tau: tuple[float, float] = (0.05, 0.5), sigma: tuple[float, float] = (0.3, 1.0)) -> None:
        self.tau = check_range("tau", tau)
        self.sigma = check_range("sigma", sigma)
        if self.tau[0] == 0:
            check_range("tau", tau, low=1e-6)

    def actions(self, rng: np.random.Generator, episodes: int, steps: int, action_dim: int, dt: float) -> Array:
        rho = np.exp(-dt / rng.uniform(*self.tau, (episodes, 1)))
        sigma = rng.uniform(*self.sigma, (episodes, 1))
        noise = rng.standard_normal((episodes, steps, action_dim))
        x = np.empty_like(noise)
        x[:, 0] = sigma * noise[:, 0]
        kick = np.sqrt(1 - rho**2) * sigma
        for t in range(1, steps):
            x[:, t] = rho * x[:, t - 1] + kick * noise[:, t]
        return np.clip(x, -1.0, 1.0)
