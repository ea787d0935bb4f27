"""How a model's error one step ahead runs through an episode, adapted at every step to what it has seen so far."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hyperdyn.evaluate.change import ChangedEpisodes
from hyperdyn.evaluate.recovery import detection
from hyperdyn.evaluate.results import ChangeScore
from hyperdyn.evaluate.undisturbed import undisturbed
from hyperdyn.metrics import nrmse, squared_error
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.models.recursive_adaptation import RecursiveAdaptation
from hyperdyn.types import Context, Expert, Transitions

CONTEXTS = 256
"""Adapted from at once: rows of different steps share a batch."""


def change_scores(
    model: AbstractDynamics,
    episodes: ChangedEpisodes,
    *,
    method: str,
    split: str,
    seed: int = 0,
    windows: Sequence[int] = (4, 16, 64),
    forgetting: Sequence[float] = (0.9, 0.95, 0.98),
) -> list[ChangeScore]:
    """Error at every step of the episodes, adapted from the history before it.

    A privileged model is told the factors of the moment.

    windows: K, the last transitions of the episode. forgetting: gamma of the recursive form, for models that have it.
    """
    stream = _Stream.of(episodes, next(model.parameters()).device)
    ways = {f"K = {k}": _in_windows(model, stream, k) for k in windows}
    if RecursiveAdaptation.supports(model):
        ways |= {f"gamma = {gamma:g}": _recursively(model, stream, gamma) for gamma in forgetting}
    scores = []
    with undisturbed(model):
        for name, steps in ways.items():
            error, surprise = _assemble(steps)
            found = (
                () if surprise is None else tuple(detection(surprise.double().cpu().numpy(), episodes.step).tolist())
            )
            per_system = _rounded(_per_system(error, episodes))
            about = (method, split, seed, name, episodes.change, episodes.step)
            scores.append(ChangeScore(*about, per_system, found, episodes.ended, episodes.dropped))
    return scores


@dataclass(frozen=True)
class _Stream:
    """R = B * E episodes side by side: steps [R,L,.], factors of each moment [R,L,F]."""

    steps: Transitions
    factors: Tensor

    @classmethod
    def of(cls, episodes: ChangedEpisodes, device: torch.device) -> _Stream:
        _, E, L, _ = episodes.action.shape
        obs, action = torch.from_numpy(episodes.obs).flatten(0, 1), torch.from_numpy(episodes.action).flatten(0, 1)
        old, new = (torch.as_tensor(f, dtype=torch.float32)[:, None] for f in (episodes.before, episodes.after))
        late = (torch.arange(L) >= episodes.step)[:, None]  # [L,1]
        factors = torch.where(late, new, old).repeat_interleave(E, dim=0)  # [R,L,F]
        return cls(Transitions(obs[:, :-1], action, obs[:, 1:]).to(device), factors.to(device))

    @property
    def shape(self) -> tuple[int, int]:
        """R and L."""
        R, L, _ = self.steps.action.shape
        return R, L


Found = tuple[Tensor, Tensor | None]
"""Of n steps in a row the squared error [R,n,S] and, if the experts tell it, their surprise [R,n]."""


def _in_windows(model: AbstractDynamics, stream: _Stream, length: int) -> Iterator[Found]:
    R, L = stream.shape
    n = max(1, CONTEXTS // R)
    for first in range(0, L, n):
        rows = slice(first, min(first + n, L))
        expert = model.adapt(_windows(stream, rows, length, model.privileged))
        yield _judge(expert, stream, rows)


def _windows(stream: _Stream, rows: slice, length: int, privileged: bool) -> Context:
    """The last `length` transitions before each of n steps: contexts of R * n rows."""
    at = torch.arange(rows.start, rows.stop, device=stream.factors.device)[:, None]
    index = at - torch.arange(length, 0, -1, device=at.device)  # [n,K]
    past = stream.steps
    history = [v[:, index.clamp(min=0)].flatten(0, 1) for v in (past.obs, past.action, past.next_obs)]  # [R*n,K,.]
    mask = (index >= 0).expand(len(past.obs), -1, -1).flatten(0, 1)
    factors = stream.factors[:, rows].flatten(0, 1) if privileged else None
    return Context(Transitions(*history), mask, factors=factors)


def _recursively(model: AbstractDynamics, stream: _Stream, forgetting: float) -> Iterator[Found]:
    R, L = stream.shape
    online = RecursiveAdaptation(model, forgetting)
    online.reset(R)
    for t in range(L):
        yield _judge(online.expert(), stream, slice(t, t + 1))
        past = stream.steps
        online.observe(Transitions(past.obs[:, t], past.action[:, t], past.next_obs[:, t]))


def _judge(expert: Expert, stream: _Stream, rows: slice) -> Found:
    """Error of experts [R*n], one for each of n steps."""
    R, n = stream.shape[0], rows.stop - rows.start
    obs, action, true = (
        v[:, rows].reshape(R * n, 1, -1) for v in (stream.steps.obs, stream.steps.action, stream.steps.next_obs)
    )
    predicted = expert.step(expert.start(obs), action).next_obs
    surprise = None if expert.surprise is None else expert.surprise.view(R, n)
    return squared_error(predicted, true).view(R, n, -1), surprise


def _assemble(found: Iterator[Found]) -> tuple[Tensor, Tensor | None]:
    """Squared error [R,L,S] and surprise [R,L] of all steps."""
    errors, surprises = zip(*found, strict=True)
    told = [s for s in surprises if s is not None]
    return torch.cat(errors, dim=1), torch.cat(told, dim=1) if told else None


def _per_system(error_sq: Tensor, episodes: ChangedEpisodes) -> Tensor:
    """NRMSE [B,L] of SSE [B*E,L,S], in units of the spread of changes over all systems, episodes and steps.

    The root mean square over systems and steps is the NRMSE of all rows together.
    """
    B, E, L, S = episodes.action.shape[:3] + episodes.obs.shape[-1:]
    change = torch.from_numpy(np.diff(episodes.obs.astype(np.float64), axis=2)).reshape(-1, S)
    total_sq = (change - change.mean(0)).square().sum(0)
    per_system = error_sq.cpu().unflatten(0, (B, E)).sum(1)  # [B,L,S]
    return nrmse(per_system * B * L, total_sq, torch.tensor(float(len(change))))


def _rounded(values: Tensor) -> tuple[tuple[float, ...], ...]:
    """Four digits: hundreds of numbers a system, in a file that people look at."""
    return tuple(tuple(float(f"{v:.4g}") for v in row) for row in values.tolist())
