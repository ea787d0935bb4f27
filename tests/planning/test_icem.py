"""What iCEM adds to CEM."""

from __future__ import annotations

import torch
from torch import Tensor

from hyperdyn.planning.icem import ICEM
from hyperdyn.types import CostFn


def generator() -> list[torch.Generator]:
    return [torch.Generator().manual_seed(0)]


def record(seen: list[Tensor]) -> CostFn:
    def cost(actions: Tensor) -> Tensor:
        seen.append(actions)
        return (actions - 0.3).square().sum((2, 3))

    return cost


def test_the_population_shrinks_down_to_twice_the_elites() -> None:
    seen: list[Tensor] = []
    ICEM(candidates=100, iterations=5, decay=2.0, elites=8).plan(record(seen), 2, generator())
    assert [actions.shape[1] for actions in seen] == [100, 50, 25, 16, 16]


def test_the_mean_is_a_candidate_of_the_last_iteration() -> None:
    seen: list[Tensor] = []
    ICEM(iterations=2, elites=5, momentum=0.0).plan(record(seen), 2, generator())
    first, last = seen
    best = first[0, (first - 0.3).square().sum((2, 3))[0].topk(5, largest=False).indices]
    torch.testing.assert_close(last[0, -1], best.mean(dim=0))
