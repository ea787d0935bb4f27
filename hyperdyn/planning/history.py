"""What a closed loop remembers: the last K transitions of B systems."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from hyperdyn.types import Context, StateSpec, Transitions


@final
class History:
    """The last K transitions, oldest first. While there are fewer, the first rows are zeros and masked."""

    def __init__(self, batch: int, length: int, spec: StateSpec) -> None:
        obs, action = torch.zeros(batch, length, spec.obs_dim), torch.zeros(batch, length, spec.action_dim)
        self._rows = (obs, action, obs)
        self._seen = 0

    def append(self, obs: Tensor, action: Tensor, next_obs: Tensor) -> None:
        """One executed step: obs [B,S], action [B,A], next_obs [B,S]."""
        old, self._seen = self._rows, self._seen + 1
        if old[0].shape[1]:
            new = [torch.cat([o[:, 1:], n[:, None]], dim=1) for o, n in zip(old, (obs, action, next_obs), strict=True)]
            self._rows = (new[0], new[1], new[2])

    def context(self, support: Context | None = None, factors: Tensor | None = None) -> Context:
        """The rows of the support, then those remembered: [B,K_support+K]."""
        B, K, _ = self._rows[0].shape
        mask = (torch.arange(K) >= K - self._seen).expand(B, K)
        if support is None:
            return Context(Transitions(*self._rows), mask, factors=factors)
        first = support.history
        earlier = (first.obs, first.action, first.next_obs)
        rows = [torch.cat(pair, dim=1) for pair in zip(earlier, self._rows, strict=True)]
        return Context(Transitions(*rows), torch.cat([support.mask, mask], dim=1), support.views, factors)
