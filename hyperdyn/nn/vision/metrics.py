"""How well an object's shape and place are guessed from views."""

from __future__ import annotations

import torch
from torch import Tensor
from torchmetrics import Metric


class ShapeIoU(Metric):
    """Intersection over union of guessed and true occupancy, the mean over objects; 1 is perfect.

    Sums in float64: ranks may hold any share of the objects.
    """

    full_state_update = False
    is_differentiable = False
    higher_is_better = True

    def __init__(self) -> None:
        super().__init__()
        self.total: Tensor
        self.count: Tensor
        for name in ("total", "count"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.set_dtype(torch.float64)

    def update(self, guessed: Tensor, true: Tensor) -> None:
        """guessed, true: bool [B,n,n,n]. Two empty shapes are the same."""
        both, either = (v.flatten(1).sum(1).double() for v in (guessed & true, guessed | true))
        self.total += torch.where(either > 0, both / either.clamp(min=1), 1.0).sum()
        self.count += len(true)

    def compute(self) -> Tensor:
        """NaN where there were no objects."""
        return self.total / self.count


class PlaceError(Metric):
    """Root mean square of how far guessed places in the plane are from the true ones [m]."""

    full_state_update = False
    is_differentiable = False
    higher_is_better = False

    def __init__(self) -> None:
        super().__init__()
        self.distance_sq: Tensor
        self.count: Tensor
        for name in ("distance_sq", "count"):
            self.add_state(name, torch.zeros((), dtype=torch.float64), dist_reduce_fx="sum")
        self.set_dtype(torch.float64)

    def update(self, guessed: Tensor, true: Tensor) -> None:
        """guessed, true: [B,2] [m]."""
        self.distance_sq += (guessed.double() - true.double()).square().sum()
        self.count += len(true)

    def compute(self) -> Tensor:
        """NaN where there were no objects."""
        return (self.distance_sq / self.count).sqrt()
