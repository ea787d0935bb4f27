"""The one contract that every method fulfils: a context in, an expert out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from hyperdyn.nn.normalise import Normaliser
from hyperdyn.types import Context, Expert, StateSpec, Step


class AbstractDynamics(nn.Module, ABC):
    """Dynamics learned over many variations of a system, made specific to one by its context.

    A method is a different `adapt`; the loss, the normaliser and everything around them are shared.

    privileged: the method is told the true factors in its context. Only a ceiling may be.
    told_in_training: the method is told them while it trains, and never afterwards.
    looks: the method looks at the views of its context, where there are any.
    note: what a reader of the executed sizes must know beside them.
    recipe: plain containers that `hyperdyn.build.model` built it from; None if it was built by hand.
    """

    privileged: ClassVar[bool] = False
    told_in_training: ClassVar[bool] = False
    looks: ClassVar[bool] = False
    note: ClassVar[str] = ""
    recipe: Mapping[str, Any] | None = None

    def __init__(self, spec: StateSpec) -> None:
        super().__init__()
        self.spec = spec
        self.norm = Normaliser(spec)

    @abstractmethod
    def adapt(self, context: Context) -> Expert:
        """An expert for each of the B systems of the context."""

    @property
    @abstractmethod
    def executed_sizes(self) -> tuple[int, ...]:
        """Layer sizes of the network that one step of an expert executes, from all that it takes (x, a code) to Y."""

    def told(self, context: Context, factors: Tensor) -> Context:
        """The context with the true factors [B,F] of its systems if the method is privileged; else as it is."""
        return replace(context, factors=factors) if self.privileged else context


class ChangeExpert(Expert):
    """s' = s + mu_y + sigma_y * net(x): an expert whose network predicts the normalised change. Its state is s itself.

    net: [B,N,X] to [B,N,Y].
    """

    def __init__(
        self,
        norm: Normaliser,
        net: Callable[[Tensor], Tensor],
        *,
        code: Tensor | None = None,
        theta: Tensor | None = None,
        aux_loss: Tensor | None = None,
    ) -> None:
        self.action_dim = norm.spec.action_dim
        self.norm = norm
        self.net = net
        self.code = code
        self.theta = theta
        self.aux_loss = aux_loss

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor) -> Step:
        change = self.net(self.norm.inputs(state, action))  # [B,N,Y]
        next_obs = self.norm.advance(state, change)
        return Step(next_obs, next_obs)


def rollout(expert: Expert, obs: Tensor, action: Tensor) -> Tensor:
    """Predicted observations [B,N,T,S] after each of the actions [B,N,T,A], starting from obs [B,N,S]."""
    return rollout_with_std(expert, obs, action)[0]


def rollout_with_std(expert: Expert, obs: Tensor, action: Tensor) -> tuple[Tensor, Tensor | None]:
    """As `rollout`, and beside the means [B,N,T,S] their standard deviations [B,N,T,S] if the expert gives any."""
    state = expert.start(obs)
    means, stds = [], []
    for a in action.unbind(dim=2):
        step = expert.step(state, a)
        state = step.state
        means.append(step.next_obs)
        if step.std is not None:
            stds.append(step.std)
    return torch.stack(means, dim=2), torch.stack(stds, dim=2) if stds else None
