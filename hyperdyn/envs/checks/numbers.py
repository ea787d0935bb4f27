"""What comes out of a step: finite numbers, the declared reward, the declared end."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from hyperdyn.envs.checks.fault import Fault
from hyperdyn.envs.checks.probe import Episode, Probe
from hyperdyn.envs.spec import Family

TOLERANCE = 1e-4
"""Relative difference of two rewards that are the same."""


def finite(family: Family, probe: Probe) -> Iterator[Fault]:
    for episode in probe.episodes:
        bad = np.argwhere(~np.isfinite(np.column_stack([episode.obs[1:], episode.reward])))
        if len(bad):
            t, i = bad[0]
            what = "the reward" if i == episode.obs.shape[1] else f"entry {i} of the observation"
            got = f"{what} at step {t + 1} after reset(seed={episode.seed}), factors {_named(family, episode)}"
            yield Fault("NaN or infinity", got, "finite numbers", "lower the time step, or narrow the factors")
            return


def objective(family: Family, probe: Probe) -> Iterator[Fault]:
    """Whether the declared objective is the environment's own reward."""
    worst: tuple[float, Fault] | None = None
    for episode in probe.episodes:
        declared = family.objective(*_steps(episode))
        if declared.shape != episode.reward.shape:
            expected = f"[...] = {episode.reward.shape}"
            yield Fault("the objective is of another shape", tuple(declared.shape), expected, "one number a step")
            return
        own = episode.reward
        gap = np.abs(declared.numpy() - own)
        t = int(np.argmax(gap))
        if not gap[t] <= TOLERANCE * (1.0 + np.abs(own).max()) and (worst is None or not gap[t] <= worst[0]):
            got = f"{float(declared[t]):g} at step {t + 1} after reset(seed={episode.seed})"
            fix = "the formula or function of `objective`; a reward that no observation shows cannot be planned for"
            expected = f"{own[t]:g}, which the environment pays"
            worst = float(gap[t]), Fault("the objective disagrees with the reward", got, expected, fix)
    if worst is not None:
        yield worst[1]


def termination(family: Family, probe: Probe) -> Iterator[Fault]:
    """Whether episodes end where the family says so."""
    for episode in probe.episodes:
        when = f"after reset(seed={episode.seed}), factors {_named(family, episode)}"
        own = episode.terminated
        if family.termination is None:
            if own.any():
                got, expected = f"terminated at step {len(own)} {when}", "no end but by length: none is declared"
                fix = "termination: a formula, or switch it off, as in env_kwargs: {terminate_when_unhealthy: false}"
                yield Fault("an episode ends early", got, expected, fix)
                return
            continue
        declared = np.asarray(family.termination(*_steps(episode)))
        wrong = np.flatnonzero(declared != own)
        if len(wrong):
            t = int(wrong[0])
            got, expected = f"{bool(declared[t])} at step {t + 1} {when}", f"{bool(own[t])}, as the environment says"
            yield Fault("the declared termination disagrees", got, expected, "the formula or function of `termination`")
            return


def _steps(episode: Episode) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    obs = torch.from_numpy(episode.obs)
    return obs[:-1], torch.from_numpy(episode.action).double(), obs[1:]


def _named(family: Family, episode: Episode) -> str:
    return ", ".join(f"{k}={v:g}" for k, v in zip(family.factor_names, episode.factors, strict=True))
