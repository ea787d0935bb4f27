"""How well a method predicts the rest of a log after adapting to its beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from hyperdyn.evaluate.undisturbed import undisturbed
from hyperdyn.logs.episodes import Episode, LogError
from hyperdyn.metrics import HorizonError
from hyperdyn.models.base import AbstractDynamics, rollout
from hyperdyn.types import Context, Expert, Transitions

UNUSUAL = 5.0
"""Standard deviations of training beyond which hardly anything lies, unless its unit is another one."""


@dataclass(frozen=True)
class HeldOut:
    """A log in two: what is known, and N windows of H steps after it.

    known: [1,K,.]. query: [1,N,H,.]. where: of each window its episode and the step at which it begins.
    """

    known: Transitions
    query: Transitions
    where: tuple[tuple[str, int], ...]

    def context(self, history: int) -> Context:
        """The first `history` of the known transitions."""
        past = (v[:, :history] for v in (self.known.obs, self.known.action, self.known.next_obs))
        return Context(Transitions(*past), torch.ones(1, min(history, self.known.obs.shape[1]), dtype=torch.bool))


@dataclass(frozen=True)
class LogScore:
    """Error on the held-out windows after `history` transitions. nrmse [H]; rmse [H][S], physical units."""

    history: int
    nrmse: tuple[float, ...]
    rmse: tuple[tuple[float, ...], ...]


def hold_out(episodes: Sequence[Episode], history: int, horizon: int, windows: int, called: str = "the log") -> HeldOut:
    """The first `history` transitions of a log, and up to `windows` windows of what comes after, evenly spread.

    called: what messages call these episodes.

    Raises:
        LogError: too few transitions for both.
    """
    steps = np.cumsum([0, *(e.steps for e in episodes)])
    starts = [
        (e, t)
        for e, episode in enumerate(episodes)
        for t in range(max(0, history - int(steps[e])), episode.steps - horizon + 1)
    ]
    if steps[-1] < history or not starts:
        raise LogError(
            f"{called} is too short to adapt and to be judged",
            got=f"{steps[-1]} steps in {len(episodes)} episodes, the longest of {max(e.steps for e in episodes)}",
            expected=f"{history} steps to adapt from, and after them {horizon} in a row",
            fix="lower history or horizon, or record more",
        )
    kept = [starts[i] for i in np.unique(np.linspace(0, len(starts) - 1, min(windows, len(starts))).astype(int))]
    pieces = [(episodes[e].obs[t : t + horizon + 1], episodes[e].action[t : t + horizon]) for e, t in kept]
    obs, action = (torch.from_numpy(np.stack(part))[None] for part in zip(*pieces, strict=True))
    return HeldOut(
        transitions(episodes, history),
        Transitions(obs[:, :, :-1], action, obs[:, :, 1:]),
        tuple((episodes[e].name, t) for e, t in kept),
    )


def transitions(episodes: Sequence[Episode], count: int | None = None) -> Transitions:
    """The first `count` transitions of a log, or all, [1,K,.]."""
    obs, action, after = (
        torch.from_numpy(np.concatenate(part)[:count])[None]
        for part in zip(*((e.obs[:-1], e.action, e.obs[1:]) for e in episodes), strict=True)
    )
    return Transitions(obs, action, after)


def expert_of(model: AbstractDynamics, context: Context) -> Expert:
    """The expert of a context, without gradients."""
    with undisturbed(model):
        return model.adapt(context)


def predictions(model: AbstractDynamics, log: HeldOut, history: int) -> Tensor:
    """What follows each of the windows' first observations, predicted after `history` transitions: [1,N,H,S]."""
    with undisturbed(model):
        return rollout(model.adapt(log.context(history)), log.query.obs[:, :, 0], log.query.action)


def score(log: HeldOut, history: int, predicted: Tensor) -> LogScore:
    """Error of predictions [1,N,H,S]."""
    true = log.query.next_obs
    metric = HorizonError(*true.shape[2:])
    metric.update(predicted, true, log.query.obs[:, :, 0])
    errors = metric.compute()
    rmse = tuple(tuple(row) for row in errors.rmse.tolist())
    return LogScore(history, tuple(errors.nrmse.tolist()), rmse)


def history_sizes(history: int) -> list[int]:
    """0, 1, 4, 16, ... and history itself."""
    return sorted({0, history, *(4**i for i in range(12) if 4**i < history)})


def unusual_inputs(model: AbstractDynamics, log: Transitions, names: Sequence[str]) -> list[tuple[str, float]]:
    """Inputs that lie where training hardly was: name, and the 99th percentile of |x| in standard deviations.

    names: of the S entries of an observation.
    """
    norm = model.norm
    x = norm.inputs(log.obs, log.action).flatten(0, -2).abs()
    called = norm.input_names(names)
    high = x.double().quantile(0.99, dim=0) if len(x) < 10**5 else x.double().amax(0)
    return [(name, float(v)) for name, v in zip(called, high, strict=True) if v > UNUSUAL]
