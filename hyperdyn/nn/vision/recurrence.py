"""A gated recurrent unit of each pixel."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn


@final
class ConvGRU(nn.Module):
    """h' = (1 - u) h + u tanh(W e + V (r h)),   [u, r] = sigmoid(W' e + V' h)

    W are 1 x 1, V are 3 x 3 convolutions: a GRU whose state is a map. Ballas et al., Delving deeper into convolutional
    networks for learning video representations, ICLR 2016.
    """

    def __init__(self, inputs: int, features: int) -> None:
        super().__init__()
        self.features = features
        self.event = nn.Conv2d(inputs, 3 * features, 1)
        self.gates = nn.Conv2d(features, 2 * features, 3, padding=1, bias=False)
        self.candidate = nn.Conv2d(features, features, 3, padding=1, bias=False)

    def forward(self, event: Tensor, state: Tensor) -> Tensor:
        """event [B,C,h,w] and state [B,F,h,w] to the next state."""
        gate, new = self.event(event).split([2 * self.features, self.features], dim=1)
        update, reset = (gate + self.gates(state)).sigmoid().chunk(2, dim=1)
        return (1 - update) * state + update * torch.tanh(new + self.candidate(reset * state))
