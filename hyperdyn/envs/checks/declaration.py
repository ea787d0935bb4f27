"""What a family says of itself, beside what its environment says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from gymnasium import spaces

from hyperdyn.envs.checks.fault import Fault
from hyperdyn.envs.checks.probe import Probe
from hyperdyn.envs.spec import SPLITS, Factor, Family


def factor_faults(name: str, factor: Factor) -> Iterator[Fault]:
    """Splits of one factor that cannot be, or that are not apart."""
    for fault in factor.faults():
        fix = "move the end points apart" if "overlaps" in fault else "lists of [low, high], or of numbers"
        yield Fault(f"splits of factor '{name}'", fault, "disjoint, well-formed splits", fix)
    if factor.interpolation is not None and factor.extrapolation is not None and not factor.faults():
        for fault in replace(factor, train=factor.interpolation, interpolation=None).faults():
            got = fault.replace("overlaps train", "overlaps interpolation")
            yield Fault(f"splits of factor '{name}'", got, "disjoint splits", "move the end points apart")


def splits(family: Family, probe: Probe) -> Iterator[Fault]:
    for name, factor in family.factors.items():
        yield from factor_faults(name, factor)


def action_box(family: Family, probe: Probe) -> Iterator[Fault]:
    space, expected = _env(family).action_space, f"Box(-1.0, 1.0, ({family.state.action_dim},))"
    fix = "scale actions in the environment, or wrap it: gymnasium_family does"
    box = isinstance(space, spaces.Box) and space.shape == (family.state.action_dim,)
    if not (box and np.all(space.low == -1.0) and np.all(space.high == 1.0)):
        yield Fault("the action space is not the declared box", space, expected, fix)


def observations(family: Family, probe: Probe) -> Iterator[Fault]:
    """Shape, kind of number, and whether they lie in the space."""
    S, space = family.state.obs_dim, _env(family).observation_space
    if not isinstance(space, spaces.Box) or space.shape != (S,):
        yield Fault(
            "the observation space is not of the declared size", space, f"Box of ({S},)", "obs_dim, or the space"
        )
        return
    if not np.issubdtype(space.dtype, np.floating):
        yield Fault("observations are not floats", space.dtype, "float32 or float64", "the space and what is returned")
    for episode in probe.episodes:
        for t, shown in enumerate(episode.shown):
            if fault := _outside(space, shown, t, episode.seed):
                yield fault
                return


def time_step(family: Family, probe: Probe) -> Iterator[Fault]:
    env: Any = _env(family)
    own = getattr(env, "dt", None) or getattr(env, "tau", None)
    if own is None and hasattr(env, "model") and hasattr(env, "frame_skip"):
        own = env.model.opt.timestep * env.frame_skip
    if isinstance(own, (int, float)) and not np.isclose(own, family.dt, rtol=1e-3):
        yield Fault("dt disagrees with the environment", f"dt: {family.dt}", f"{own:g} s", f"dt: {own:g}")


def length(family: Family, probe: Probe) -> Iterator[Fault]:
    """Of an episode, beside the time limit of the registration."""
    spec = family.make(family.nominal).spec
    limit = None if spec is None else spec.max_episode_steps
    if limit is not None and limit > 0 and limit < family.episode_steps:
        fix = f"episode_steps: {limit}"
        yield Fault("episodes are longer than the environment's time limit", family.episode_steps, f"<= {limit}", fix)


def systems(family: Family, probe: Probe) -> Iterator[Fault]:
    """Whether the environment of every extreme system can be made."""
    for name, row in extremes(family):
        try:
            family.make(row).close()
        except Exception as error:  # whatever the environment raises is what the user is told
            value = row[list(family.factors).index(name)]
            got = f"{name} = {value:g}: {type(error).__name__}: {error}"
            fix = "narrow the range, or take the value that the constructor takes (2, not [2, 2], for a count)"
            yield Fault("a system cannot be made", got, "an environment for every value in a split", fix)


def extremes(family: Family) -> list[tuple[str, Any]]:
    """The lowest and the highest value of each factor over all splits, others nominal: name and factors [F]."""
    ends = np.stack([family.ranges(split) for split in SPLITS])  # [split,F,2]
    found = []
    for i, name in enumerate(family.factors):
        for value in (ends[:, i].min(), ends[:, i].max()):
            row = family.nominal.copy()
            row[i] = value
            found.append((name, row))
    return found


def _env(family: Family) -> Any:
    return family.make(family.nominal).unwrapped


def _outside(space: spaces.Box, shown: Any, t: int, seed: int) -> Fault | None:
    shown = np.asarray(shown)
    when = f"at step {t} after reset(seed={seed})"
    if shown.shape != space.shape or shown.dtype != space.dtype:
        got, expected = f"{shown.dtype} {shown.shape} {when}", f"{space.dtype} {space.shape}"
        return Fault(
            "an observation is not of its space's kind", got, expected, "return np.array(obs, dtype=space.dtype)"
        )
    slack = 1e-6 * np.maximum(1.0, np.abs(shown))
    out = np.flatnonzero((shown < space.low - slack) | (shown > space.high + slack))
    if len(out):
        i = int(out[0])
        got, expected = f"entry {i} is {shown[i]:g} {when}", f"in [{space.low[i]:g}, {space.high[i]:g}]"
        return Fault("an observation lies outside its space", got, expected, "widen the space, or bound the state")
    return None
