"""The vocabulary of the project: every shape letter and every value that crosses a boundary.

Letters, used everywhere:

====  =================================================================
B     systems in a batch (one generated expert each)
K     transitions of history that a model may adapt from; may be 0
T     steps of a query
H     planning horizon
N     query rows of one system in training, candidates in planning
S     observation size
A     action size
D     feature size: what is left of an observation at a network's input
X     network input size, D + A
Z     size of a code
P     generated parameters of one expert
E     episodes of one system
====  =================================================================

Observations are in physical units, actions in [-1, 1].
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor

from hyperdyn.movable import Movable
from hyperdyn.views import Views


@dataclass(frozen=True)
class StateSpec:
    """What an observation is made of, as far as a model must know.

    obs_dim, action_dim: S and A.
    drop: entries that no law of motion depends on (a position on an endless floor); predicted, never an input.
    angles: entries in radians that a network sees as sine and cosine.
    """

    obs_dim: int
    action_dim: int
    drop: tuple[int, ...] = ()
    angles: tuple[int, ...] = ()

    @property
    def feature_dim(self) -> int:
        return self.obs_dim - len(self.drop) + len(self.angles)

    @property
    def input_dim(self) -> int:
        return self.feature_dim + self.action_dim


@dataclass(frozen=True)
class Transitions(Movable):
    """Steps of a system. Leading dimensions are the caller's: [B,K] of a history, [B,N,T] of query rows."""

    obs: Tensor  # [..., S]
    action: Tensor  # [..., A]
    next_obs: Tensor  # [..., S]


@dataclass(frozen=True)
class Context(Movable):
    """All that a model may know of its system. Rows where the mask is False hold anything, even NaN."""

    history: Transitions  # [B,K,.]
    mask: Tensor  # [B,K] bool
    views: Views | None = None
    factors: Tensor | None = None  # [B,F] the true hidden factors, for a method that is told them

    @classmethod
    def empty(cls, batch: int, spec: StateSpec, device: torch.device | str | None = None) -> Context:
        """The context of B systems of which nothing is known yet, K = 0."""
        obs = torch.zeros(batch, 0, spec.obs_dim, device=device)
        action = torch.zeros(batch, 0, spec.action_dim, device=device)
        return cls(Transitions(obs, action, obs), torch.zeros(batch, 0, dtype=torch.bool, device=device))


@dataclass(frozen=True)
class Batch(Movable):
    """One training batch: B systems, one context each, N query rows of T steps that share it."""

    context: Context
    query: Transitions  # [B,N,T,.]
    system: Tensor  # [B] int64, for metrics only
    factors: Tensor  # [B,F] true hidden factors, for metrics and the oracle only


@dataclass(frozen=True)
class Step:
    """One predicted step of N rows in each of B systems."""

    state: Any
    next_obs: Tensor  # [B,N,S]
    std: Tensor | None = None  # [B,N,S] of next_obs, physical units


class Expert(ABC):
    """A dynamics model of B systems at hand, one each.

    code: [B,Z] what the context was encoded to, where the method has one.
    theta: [B,P] the generated weights, where the method generates any.
    aux_loss: [B] what the method asks to be added to the training loss.
    surprise: [B] how badly the context fits what training met, where the method can tell: about 1 where it fits, and 1
        without any context; larger is worse.
    """

    code: Tensor | None = None
    theta: Tensor | None = None
    aux_loss: Tensor | None = None
    surprise: Tensor | None = None

    @abstractmethod
    def start(self, obs: Tensor) -> Any:
        """State from which the rows obs [B,N,S] are rolled out."""

    @abstractmethod
    def step(self, state: Any, action: Tensor) -> Step:
        """One step under action [B,N,A]."""


CostFn = Callable[[Tensor], Tensor]
"""Candidate actions [B,N,H,A] to their cost [B,N]; lower is better."""

Objective = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Reward of one step: obs [...,S], action [...,A], next_obs [...,S] to [...]; higher is better."""


@dataclass(frozen=True)
class Plan:
    """What a planner decided for B systems, and what it would like to start from next time."""

    actions: Tensor  # [B,H,A] to execute, first step first
    cost: Tensor  # [B] predicted cost of the best candidate
    elites: Tensor = field(default_factory=lambda: torch.empty(0))  # [B,M,H,A] best candidates, best first

    def shift(self) -> Plan:
        """The same plan one step later: the last action is repeated."""
        return Plan(_advance(self.actions), self.cost, _advance(self.elites) if self.elites.numel() else self.elites)


def _advance(actions: Tensor) -> Tensor:
    return torch.cat([actions[..., 1:, :], actions[..., -1:, :]], dim=-2)  # [..., H, A]
