"""torchrl's CEM on the expert and objective of our own; imported only where torchrl is installed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from tensordict import TensorDict, TensorDictBase
from tensordict.nn import TensorDictModule
from torch import Tensor
from torchrl.data import Bounded, Composite, Unbounded
from torchrl.envs.model_based import ModelBasedEnvBase
from torchrl.modules import CEMPlanner, WorldModelWrapper

from hyperdyn.types import Expert, Objective, StateSpec


class _World(ModelBasedEnvBase):
    """The expert as torchrl's environment of one batch dimension, the candidates."""

    def __init__(self, model: WorldModelWrapper, spec: StateSpec) -> None:
        super().__init__(model, batch_size=torch.Size([]))
        self.observation_spec = Composite(observation=Unbounded((spec.obs_dim,)))
        self.state_spec = self.observation_spec.clone()
        self.action_spec = Bounded(-1.0, 1.0, (spec.action_dim,))
        self.reward_spec = Unbounded((1,))

    def _reset(self, tensordict: TensorDictBase, **kwargs: Any) -> TensorDict:
        return TensorDict({"observation": torch.zeros(self.observation_spec["observation"].shape)}, [])


def decision(
    expert: Expert, reward: Objective, spec: StateSpec, *, horizon: int, candidates: int, iterations: int, elites: int
) -> Callable[[], Tensor]:
    """One decision of torchrl's CEMPlanner for one system, as a call.

    The world model is made as torchrl's documentation makes it, of a module for the transition and one for the reward,
    which sees the observation after the step.
    """

    def transition(obs: Tensor, action: Tensor) -> Tensor:
        rows, acts = obs.reshape(1, -1, spec.obs_dim), action.reshape(1, -1, spec.action_dim)
        return expert.step(rows, acts).next_obs.view(obs.shape)

    def earned(obs: Tensor, action: Tensor) -> Tensor:
        return reward(obs, action, obs)[..., None]

    both = ["observation", "action"]
    model = WorldModelWrapper(
        TensorDictModule(transition, in_keys=both, out_keys=["observation"]),
        TensorDictModule(earned, in_keys=both, out_keys=["reward"]),
    )
    planner = CEMPlanner(_World(model, spec), horizon, iterations, candidates, elites)
    start = TensorDict({"observation": torch.zeros(1, spec.obs_dim)}, [1])
    return lambda: planner.planning(start)
