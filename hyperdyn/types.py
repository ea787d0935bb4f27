"""The vocabulary of the project: every shape letter and every value that crosses a boundary.

Letters, used everywhere:

====  =================================================================
B     systems in a batch (one generated expert each)
K     transitions of history that a model may adapt from; may be 0
T     steps of a query
H     planning horizon
N     query rows of one system in training, candidates in planning
S     observation size
Y     changing entries of an observation, those that a network predicts; all S unless some are constant
A     action size
D     feature size: what is left of an observation at a network's input
X     network input size, D + A and one more for each action that is a direction
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
from typing import Any

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from hyperdyn.errors import ShapeError
from hyperdyn.movable import Movable
from hyperdyn.state import Frame as Frame
from hyperdyn.state import StateSpec as StateSpec
from hyperdyn.views import Views


@dataclass(frozen=True)
class Transitions(Movable):
    """Steps of a system. Leading dimensions are the caller's: [B,K] of a history, [B,N,T] of query rows.

    >>> import torch, hyperdyn
    >>> steps = hyperdyn.Transitions(torch.zeros(2, 16, 3), torch.zeros(2, 16, 1), torch.zeros(2, 16, 3))
    >>> steps.to("cpu").action.shape  # moves as one tensor does
    torch.Size([2, 16, 1])
    """

    obs: Tensor  # [..., S]
    action: Tensor  # [..., A]
    next_obs: Tensor  # [..., S]


@dataclass(frozen=True)
class Context(Movable):
    """All that a model may know of its system. Rows where the mask is False hold anything, even NaN.

    >>> import hyperdyn
    >>> history = hyperdyn.Context.of([[0.0, 1.0], [0.1, 0.9]], [[0.5], [-0.5]], [[0.1, 0.9], [0.2, 0.7]])
    >>> history.history.obs.shape, history.mask.shape  # K = 2 transitions of one system
    (torch.Size([1, 2, 2]), torch.Size([1, 2]))
    >>> nothing = hyperdyn.Context.empty(1, hyperdyn.family("pendulum").state)  # K = 0
    """

    history: Transitions  # [B,K,.]
    mask: Tensor  # [B,K] bool
    views: Views | None = None
    factors: Tensor | None = None  # [B,F] the true hidden factors, for a method that is told them

    @classmethod
    def of(cls, obs: ArrayLike, action: ArrayLike, next_obs: ArrayLike) -> Context:
        """The context of all these transitions: obs [K,S], action [K,A], next_obs [K,S] of one system, or [B,K,.] of B.

        Arrays of NumPy, tensors or nested lists, in physical units, actions in [-1, 1].

        Raises:
            ShapeError: the three do not belong together.
        """
        s, a, s_next = (torch.as_tensor(value, dtype=torch.float32) for value in (obs, action, next_obs))
        if s.ndim == 2:
            s, a, s_next = s[None], a[None], s_next[None]
        if s.ndim != 3 or s.shape != s_next.shape or a.shape[:-1] != s.shape[:-1]:
            raise ShapeError(
                "these are no transitions of one system, or of B systems",
                got=f"obs {tuple(s.shape)}, action {tuple(a.shape)}, next_obs {tuple(s_next.shape)}",
                expected="[K,S], [K,A], [K,S], or [B,K,S], [B,K,A], [B,K,S]",
            )
        return cls(Transitions(s, a, s_next), torch.ones(s.shape[:2], dtype=torch.bool, device=s.device))

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
    action_dim: A, where the expert knows it; a planner may then ask the cost for it.
    """

    code: Tensor | None = None
    theta: Tensor | None = None
    aux_loss: Tensor | None = None
    surprise: Tensor | None = None
    action_dim: int | None = None

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

    def shift(self, steps: int = 1) -> Plan:
        """The same plan some steps later: the last action is repeated."""
        elites = _advance(self.elites, steps) if self.elites.numel() else self.elites
        return Plan(_advance(self.actions, steps), self.cost, elites)


def _advance(actions: Tensor, steps: int) -> Tensor:
    last = actions[..., -1:, :].expand(*actions.shape[:-2], steps, -1)
    return torch.cat([actions[..., steps:, :], last], dim=-2)  # [..., H, A]
