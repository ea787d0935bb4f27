"""Which of the systems met in training a context is from, told by the true factors."""

from __future__ import annotations

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError


def no_systems(n: int, factor_dim: int) -> Tensor:
    """Room for the factors [n,F] of n systems, none of which was met yet: NaN."""
    return torch.full((n, factor_dim), torch.nan)


def met(known: Tensor) -> Tensor:
    """Which rows of known [n,F] hold a system, [n] bool."""
    return ~known.isnan().any(1)


@torch.no_grad()
def index_of(factors: Tensor, known: Tensor, *, meet: bool) -> Tensor:
    """The row of known [n,F] that each row of factors [B,F] equals, [B]; new ones are written into free rows if `meet`.

    Raises:
        ConfigError: a system that is not among them, more systems than rows, or new ones in several processes.
    """
    factors = factors.to(known.dtype)
    same = (factors[:, None] == known).all(-1)  # [B,n]
    new = factors[~same.any(1)]
    if len(new) == 0:
        return same.int().argmax(1)
    if not meet:
        raise ConfigError(
            "there is no expert for a system that was not trained on",
            got=new[0].tolist(),
            fix="evaluate on the shards that it was trained on, other episodes of them",
        )
    if (
        torch.distributed.is_available()
        and torch.distributed.is_initialized()
        and torch.distributed.get_world_size() > 1
    ):
        raise ConfigError(
            "processes would give out experts each in its own way",
            got=f"{torch.distributed.get_world_size()} processes",
            fix="train this method in one, trainer.devices=1",
        )
    new = new.unique(dim=0)
    free = (~met(known)).nonzero().flatten()
    if len(new) > len(free):
        raise ConfigError(
            "more systems than experts",
            got=f"more than {len(known)} systems in training",
            fix=f"raise model.systems, or train on fewer: data.first_systems={len(known)}",
        )
    known[free[: len(new)]] = new
    return (factors[:, None] == known).all(-1).int().argmax(1)
