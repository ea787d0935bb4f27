"""A recurrent network whose hidden state is all that it knows of a system, and goes on changing as it predicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn

from hyperdyn.models.base import AbstractDynamics
from hyperdyn.nn.encoders.base import clean, sort_rows
from hyperdyn.nn.mlp import mlp
from hyperdyn.types import Context, Expert, StateSpec, Step


class Recurrent(AbstractDynamics):
    """h_i = GRU([x_i, y_i], h_{i-1}),  h_0 = 0,   s' = s + mu_y + sigma_y f([x, h]).

    The GRU reads the history, oldest transition first, and then each step that f predicts. After the recurrent dynamics
    model (ReBAL) of Nagabandi et al., Learning to adapt in dynamic, real-world environments, ICLR 2019, with a GRU in
    the place of their LSTM and the change in its input, so that transitions need not follow each other.

    hidden: hidden layer sizes of f.
    state_dim: size of h.
    """

    def __init__(
        self,
        spec: StateSpec,
        hidden: Sequence[int] = (128, 128),
        state_dim: int = 128,
        activation: str = "silu",
    ) -> None:
        super().__init__(spec)
        X, Y = spec.input_dim, spec.change_dim
        self._sizes = (X + Y, state_dim, *hidden, Y)
        self.gru = nn.GRU(X + Y, state_dim, batch_first=True)
        self.net = mlp((X + state_dim, *hidden, Y), activation)

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        """(X + Y, size of h, ..., Y): the first layer is the GRU's, with three gates a unit, and sees h as well."""
        return self._sizes

    def adapt(self, context: Context) -> Expert:
        return RecurrentExpert(self, self.read(context))

    def read(self, context: Context) -> Tensor:
        """The hidden state [B,hidden] after the history."""
        x, y, mask = clean(*self.norm.pairs(context.history), context.mask)
        rows = sort_rows(torch.cat([x, y], dim=-1), mask, valid_first=True)
        states, _ = self.gru(rows)  # [B,K,hidden]
        states = torch.cat([torch.zeros_like(states[:, :1]), states], dim=1)  # h_0 first
        return states[torch.arange(mask.shape[0], device=mask.device), mask.sum(1)]

    def feed(self, row: Tensor, memory: Tensor) -> Tensor:
        """The hidden state [...,hidden] after one more row [x, y], [...,X+Y]."""
        gru = self.gru
        weights = (gru.weight_ih_l0, gru.weight_hh_l0, gru.bias_ih_l0, gru.bias_hh_l0)
        after = torch.gru_cell(row.flatten(0, -2), memory.flatten(0, -2), *weights)  # type: ignore[arg-type]
        return after.view_as(memory)


@dataclass(frozen=True)
class Remembered:
    """State of a rollout: what the GRU knows, and the predicted step that it has not read yet, if there is one.

    It reads a step when the next one needs it: the last step of a rollout is read by nobody.
    """

    obs: Tensor  # [B,N,S]
    memory: Tensor  # [B,N,hidden] before `unread`
    unread: Tensor | None = None  # [B,N,X+Y]


@final
class RecurrentExpert(Expert):
    """Steps f and the GRU of a `Recurrent`. Each row carries a hidden state of its own, from the system's on.

    code: [B,hidden] the hidden state after the history.
    """

    def __init__(self, model: Recurrent, memory: Tensor) -> None:
        self.action_dim = model.spec.action_dim
        self.model = model
        self.code = memory

    def start(self, obs: Tensor) -> Remembered:
        assert self.code is not None
        B, N, _ = obs.shape
        return Remembered(obs, self.code[:, None].expand(B, N, -1))

    def step(self, state: Remembered, action: Tensor) -> Step:
        model = self.model
        memory = state.memory if state.unread is None else model.feed(state.unread, state.memory)
        x = model.norm.inputs(state.obs, action)
        change = model.net(torch.cat([x, memory], dim=-1))  # [B,N,Y]
        next_obs = model.norm.advance(state.obs, change)
        return Step(Remembered(next_obs, memory, torch.cat([x, change], dim=-1)), next_obs)
