"""The one contract that every planner fulfils: a cost function in, a plan out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from hyperdyn.types import CostFn, Plan


@runtime_checkable
class SizedCost(Protocol):
    """A cost function that knows what it is asked for: `hyperdyn.cost` makes such."""

    batch: int  # B
    action_dim: int | None  # A; None if nobody said
    device: torch.device

    def __call__(self, actions: Tensor, /) -> Tensor:
        """Candidate actions [B,N,H,A] to their cost [B,N]; lower is better."""


class AbstractPlanner(ABC):
    """Minimises a cost over action sequences in the box [-1, 1]^A, for B systems at once.

    It knows nothing of models, environments or rewards. Each system draws from a generator of its own, so that its
    plan does not depend on who else is in the batch.
    """

    horizon: int

    @abstractmethod
    def plan(
        self,
        cost: CostFn,
        action_dim: int | None = None,
        generators: Sequence[torch.Generator] | None = None,
        warm: Plan | None = None,
    ) -> Plan:
        """A plan for each of B systems.

        cost: actions [B,N,H,A] to [B,N]; a candidate whose cost is NaN never wins.
        action_dim: A; None asks the cost.
        generators: one for each system; None is one seeded with 0 for each of as many systems as the cost has.
        warm: the previous plan, already shifted by one step.

        Raises:
            ConfigError: action_dim or generators are not given, and the cost is a bare function that cannot tell.
        """
