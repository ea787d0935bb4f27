"""The one contract that every planner fulfils: a cost function in, a plan out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch

from hyperdyn.types import CostFn, Plan


class AbstractPlanner(ABC):
    """Minimises a cost over action sequences in the box [-1, 1]^A, for B systems at once.

    It knows nothing of models, environments or rewards. Each system draws from a generator of its own, so that its
    plan does not depend on who else is in the batch.
    """

    horizon: int

    @abstractmethod
    def plan(
        self, cost: CostFn, action_dim: int, generators: Sequence[torch.Generator], warm: Plan | None = None
    ) -> Plan:
        """A plan for each of the B = len(generators) systems.

        cost: actions [B,N,H,A] to [B,N]; a candidate whose cost is NaN never wins.
        warm: the previous plan, already shifted by one step.
        """
