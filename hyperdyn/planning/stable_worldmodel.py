"""Our experts under the solvers of stable-worldmodel: its cost protocol, `Costable`.

Nothing of that package is imported. A solver of its calls `get_cost(info_dict, action_candidates)` on R of the systems
at a time, with every entry of info_dict repeated for the N candidates.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, final

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.planning.cost import rows_cost
from hyperdyn.types import Expert, Objective


@final
class CostModel:
    """What a solver of stable-worldmodel plans with: `CEMSolver(CostModel(expert, objective, action_dim=6), ...)`.

    cost = -sum_t r_t over the predicted steps, as `hyperdyn.cost`, with candidates clamped to the box [-1, 1] in which
    an expert was trained and in which its actions will be executed. It can be differentiated by the candidates.

    expert: of B systems. systems: B, if it is more than 1.
    obs: key of info_dict that holds the observations, [R,N,S], or [R,N,T,S] of which the last counts.
    system: key of info_dict that says which of the B systems each of its R rows is, [R,N]; needed where a solver works
        on a part of the systems at a time (its `batch_size`), each system once.
    action_dim: A; None asks the expert. A candidate of several actions a step (its `action_block`) is unfolded.
    """

    def __init__(
        self,
        expert: Expert,
        objective: Objective,
        *,
        systems: int = 1,
        obs: str = "obs",
        system: str = "system",
        action_dim: int | None = None,
    ) -> None:
        self.expert = expert
        self.objective = objective
        self.systems = systems
        self.obs = obs
        self.system = system
        self.action_dim = action_dim or expert.action_dim

    def get_cost(self, info_dict: Mapping[str, Any], action_candidates: Tensor) -> Tensor:
        """Cost [R,N] of candidates [R,N,H,A], or [R,N,H,block * A]."""
        R, N, H, width = action_candidates.shape
        A = self.action_dim or width
        if width % A:
            raise ShapeError("candidates of stable-worldmodel do not fit the expert", got=width, expected=f"{A} a step")
        actions = action_candidates.reshape(R, N, H * width // A, A).clamp(-1, 1)
        obs = self._observed(info_dict, actions)
        if self.systems == 1:  # every row is of the one system
            cost = rows_cost(self.expert, obs.flatten(0, 1)[None], actions.flatten(0, 1)[None], self.objective)
            return cost.view(R, N)
        index = self._index(info_dict, R).to(actions.device)
        all_obs = obs.new_zeros(self.systems, *obs.shape[1:]).index_copy(0, index, obs)
        all_actions = actions.new_zeros(self.systems, *actions.shape[1:]).index_copy(0, index, actions)
        return rows_cost(self.expert, all_obs, all_actions, self.objective)[index]

    def criterion(self, info_dict: Mapping[str, Any], action_candidates: Tensor) -> Tensor:
        """As `get_cost`: the protocol has both."""
        return self.get_cost(info_dict, action_candidates)

    def _observed(self, info: Mapping[str, Any], actions: Tensor) -> Tensor:
        """Observations [R,N,S], where the candidates are."""
        if self.obs not in info:
            raise ConfigError("no observation to plan from", got=sorted(info), expected=self.obs, fix="CostModel(obs=)")
        obs = torch.as_tensor(info[self.obs]).to(actions)
        obs = obs[:, :, -1] if obs.ndim == 4 else obs
        if obs.ndim != 3 or obs.shape[:2] != actions.shape[:2]:
            R, N = actions.shape[:2]
            raise ShapeError("observations do not fit the candidates", got=tuple(obs.shape), expected=f"[{R},{N},S]")
        return obs

    def _index(self, info: Mapping[str, Any], rows: int) -> Tensor:
        """Which of the systems each row is [R]."""
        if self.system in info:
            index = torch.as_tensor(info[self.system]).reshape(rows, -1)[:, 0].long()
            if len(index.unique()) == rows and int(index.min()) >= 0 and int(index.max()) < self.systems:
                return index
            raise ConfigError(
                f"entry '{self.system}' must name each system once", got=index.tolist(), expected=f"< {self.systems}"
            )
        if rows == self.systems:
            return torch.arange(rows)
        raise ConfigError(
            "which of its systems does the solver ask about?",
            got=f"{rows} rows, no entry '{self.system}' in info_dict",
            expected=f"all {self.systems} systems, or that entry",
            fix=f"batch_size={self.systems} in the solver, or info_dict['{self.system}'] = arange({self.systems})",
        )
