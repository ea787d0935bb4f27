"""Several experts of each system behind one."""

from __future__ import annotations

from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional

from hyperdyn.types import Expert, Step


@final
class EnsembleExpert(Expert):
    """M members for each of B systems; every member rolls out a state of its own.

    mean = mean_m mu_m,    std^2 = mean_m std_m^2 + var_m mu_m,

    the first two moments of the mixture: what each member holds for noise, and what they disagree on, which grows with
    the horizon (Lakshminarayanan et al., Deep ensembles, NeurIPS 2017). Members without a std hold nothing for noise.

    members: one expert of B*M systems, those of a system beside each other.
    size: M.
    split: for training. Row i is predicted by member i mod M alone, its std with it, so that each member has rows and a
        loss of its own; a step then costs what one member's does.
    code, aux_loss, surprise: as of every expert.
    """

    def __init__(
        self,
        members: Expert,
        size: int,
        *,
        split: bool,
        code: Tensor | None = None,
        aux_loss: Tensor | None = None,
        surprise: Tensor | None = None,
    ) -> None:
        self.action_dim = members.action_dim
        self.members = members
        self.size = size
        self.split = split
        self.code = code
        self.aux_loss = aux_loss
        self.surprise = surprise

    def start(self, obs: Tensor) -> Any:
        return self.members.start(self._deal(obs))

    def step(self, state: Any, action: Tensor) -> Step:
        N = action.shape[1]
        step = self.members.step(state, self._deal(action))
        mean = step.next_obs.unflatten(0, (-1, self.size))  # [B,M,n,S]
        std = None if step.std is None else step.std.unflatten(0, (-1, self.size))
        if self.split:
            return Step(step.state, _collect(mean, N), None if std is None else _collect(std, N))
        variance = mean.var(1, correction=0)
        if std is not None:
            variance = variance + std.square().mean(1)
        return Step(step.state, mean.mean(1), variance.sqrt())

    def _deal(self, rows: Tensor) -> Tensor:
        """rows [B,N,.] to those of each member [B*M,n,.]: all of them, or every M-th with zeros at the end."""
        B, N, _ = rows.shape
        if not self.split:
            return rows.unsqueeze(1).expand(-1, self.size, -1, -1).flatten(0, 1)
        rows = functional.pad(rows, (0, 0, 0, -N % self.size))
        return rows.view(B, -1, self.size, rows.shape[2]).transpose(1, 2).flatten(0, 1)


def _collect(dealt: Tensor, rows: int) -> Tensor:
    """[B,M,n,.] to the rows [B,N,.] that were dealt."""
    return dealt.transpose(1, 2).flatten(1, 2)[:, :rows]


def per_member(rows: Tensor, size: int) -> Tensor:
    """[B,.] to [B*M,.]: what all members of a system are given alike."""
    return torch.repeat_interleave(rows, size, dim=0)
