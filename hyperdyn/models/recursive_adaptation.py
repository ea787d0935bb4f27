"""Experts kept up to date transition by transition, at the same cost at every step."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.models.hyper import Hyper
from hyperdyn.nn.encoders.information import Evidence, InformationEncoder
from hyperdyn.nn.encoders.recursive import RecursiveInformation
from hyperdyn.types import Context, Expert, Transitions


@final
class RecursiveAdaptation:
    """Adapts B systems online, from a stream instead of a window: all that is remembered is `Evidence`.

        online = RecursiveAdaptation(model, forgetting=0.95)
        online.reset(batch=B)
        online.observe(transitions)  # [B,.]
        expert = online.expert()

    A closed loop takes it for a model's `adapt`, with the newest transition as the history of each decision:
    run_episodes(..., adapt=online, history=1, tile=None). A context without any transition begins an episode anew.

    model: a `Hyper` with the information-form encoder. forgetting: gamma, see `RecursiveInformation`.

    Raises:
        ConfigError: a model that cannot, or gamma out of its range.
    """

    def __init__(self, model: AbstractDynamics, forgetting: float = 0.95) -> None:
        if not isinstance(model, Hyper) or not isinstance(model.encoder, InformationEncoder):
            raise ConfigError(
                "only evidence that adds up can be updated recursively",
                got=type(model).__name__,
                expected="Hyper with the information-form encoder",
                fix="model=hyper, or a sliding window of the history",
            )
        self.model = model
        self._filter = RecursiveInformation(model.encoder, forgetting)
        self._state: Evidence | None = None

    @staticmethod
    def supports(model: AbstractDynamics) -> bool:
        """Whether the model can be adapted so."""
        return isinstance(model, Hyper) and isinstance(model.encoder, InformationEncoder)

    def reset(self, batch: int) -> None:
        """Begin with B systems of which nothing is known."""
        with torch.no_grad():
            self._state = self._filter.start(batch)

    @torch.no_grad()
    def observe(self, transitions: Transitions, mask: Tensor | None = None) -> None:
        """One more transition of each system, [B,.] in physical units; none where the mask [B] is False."""
        x, y = self.model.norm.pairs(transitions)
        self._state = self._filter.update(self._known(), x, y, mask)

    def expert(self) -> Expert:
        """Of what has been observed so far."""
        return self.model.decode(self._filter.encoding(self._known()))

    def __call__(self, context: Context) -> Expert:
        """Observe the newest transition, the context's only one, and give the experts.

        Raises:
            ShapeError: a longer history, whose transitions would count again at every call.
        """
        B, K = context.mask.shape
        if K != 1:
            raise ShapeError("a recursive update takes the newest transition alone", got=f"K = {K}", fix="history=1")
        if not context.mask.any():
            self.reset(B)
        past = context.history
        self.observe(Transitions(past.obs[:, 0], past.action[:, 0], past.next_obs[:, 0]), context.mask[:, 0])
        return self.expert()

    def _known(self) -> Evidence:
        if self._state is None:
            raise ShapeError("how many systems there are is not known yet", fix="reset(batch) before the first step")
        return self._state
