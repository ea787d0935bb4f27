"""The information-form encoder as a filter: transition by transition, at constant cost, forgetting what is old."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError
from hyperdyn.nn.encoders.base import Encoding
from hyperdyn.nn.encoders.information import Evidence, InformationEncoder


@final
class RecursiveInformation:
    """Recursive least squares with exponential forgetting (Ljung, System Identification, 1999, section 11.2).

    Lambda_t = I + gamma (Lambda_{t-1} - I) + J_t' diag(w_t) J_t
    eta_t = gamma eta_{t-1} + J_t' diag(w_t) r_t,   z_t = Lambda_t^-1 eta_t

    in information form, and all else that `Evidence` sums decays alike. The prior is never forgotten. Evidence is the
    whole state: no history is kept, and a step costs the same at every t. The effective memory is 1 / (1 - gamma)
    transitions; gamma = 1 forgets nothing and is the batch encoder.

    forgetting: gamma in (0, 1].
    """

    def __init__(self, encoder: InformationEncoder, forgetting: float = 1.0) -> None:
        if not 0 < forgetting <= 1:
            raise ConfigError("a forgetting factor", got=forgetting, expected="0 < gamma <= 1; 1 forgets nothing")
        self.encoder = encoder
        self.forgetting = forgetting

    def start(self, batch: int) -> Evidence:
        """The evidence of B systems of which nothing has been seen."""
        like = next(self.encoder.parameters())
        x, y = (like.new_zeros(batch, 0, n) for n in (self.encoder.input_dim, self.encoder.target_dim))
        return self.encoder.evidence(x, y, torch.zeros(batch, 0, dtype=torch.bool, device=like.device))

    def update(self, state: Evidence, x: Tensor, y: Tensor, mask: Tensor | None = None) -> Evidence:
        """One more normalised transition x [B,X], y [B,S]; where the mask [B] is False there is none."""
        seen = torch.ones(len(x), dtype=torch.bool, device=x.device) if mask is None else mask
        factor = torch.ones_like(state.count).masked_fill(seen, self.forgetting)
        return state.decay(factor) + self.encoder.evidence(x.unsqueeze(1), y.unsqueeze(1), seen.unsqueeze(1))

    def encoding(self, state: Evidence) -> Encoding:
        """What the encoder makes of the evidence."""
        return self.encoder.encode_evidence(state)
