"""Whether what comes next depends on the state, the action and the factors, and on nothing else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from hyperdyn.envs.checks.declaration import extremes
from hyperdyn.envs.checks.fault import Fault
from hyperdyn.envs.checks.probe import Episode, Probe
from hyperdyn.envs.simulator import AbstractSimulator, Array
from hyperdyn.envs.spec import Family
from hyperdyn.errors import EnvError

SAME = 1e-3
"""Difference of two observations that are the same, in usual differences of their entries."""

NO_EFFECT = 1e-9
"""Likewise, for what must not differ at all."""

AHEAD = 3
"""Steps from a state for which its continuation is compared; a chaotic system may diverge later."""


def determinism(family: Family, probe: Probe) -> Iterator[Fault]:
    for first, again in zip(probe.nominal, probe.play(family.nominal), strict=True):
        if np.shape(first.obs) == np.shape(again.obs) and np.array_equal(first.obs, again.obs):
            continue
        T = min(len(first.obs), len(again.obs))
        t = next((t for t in range(T) if not np.array_equal(first.obs[t], again.obs[t])), T)
        got = f"two runs with reset(seed={first.seed}) and the same actions differ from step {t} on"
        fix = "draw from self.np_random alone, after super().reset(seed=seed)"
        yield Fault("the environment is not deterministic under a seed", got, "the same episode", fix)
        return


def factors(family: Family, probe: Probe) -> Iterator[Fault]:
    """Whether each factor changes what follows from the same states under the same actions."""
    start = _starts(family.simulate(family.nominal[None]), probe)
    rows = extremes(family)
    for (name, low), (_, high) in zip(rows[::2], rows[1::2], strict=True):
        if np.array_equal(low, high):
            got = f"{low[list(family.factors).index(name)]:g} in all splits"
            yield Fault(f"factor '{name}' never varies", got, "two values", "give it a range, or put it in env_kwargs")
            continue
        paths = [_path(family, row, start, probe) for row in (low, high)]
        if np.abs((paths[0] - paths[1]) / probe.scale).max() <= NO_EFFECT:
            i = list(family.factors).index(name)
            got = f"the same {probe.steps} steps at {name} = {low[i]:g} and at {high[i]:g}"
            fix = "a factor that acts on the motion; a reward, a threshold or an initial state is none"
            yield Fault(f"factor '{name}' has no effect on the dynamics", got, "another motion", fix)


def simulator(family: Family, probe: Probe) -> Iterator[Fault]:
    """Whether the batched simulator is the environment."""
    for episode in probe.episodes:
        sim = probe.simulator(episode)
        path = sim.observe(_states(sim, episode))
        gap = np.abs((path - episode.obs) / probe.scale).max(axis=-1)
        if not gap.max() <= SAME:
            t = int(np.argmax(~(gap <= SAME)))
            got, expected = f"{path[t]} at step {t} after reset(seed={episode.seed})", f"{episode.obs[t]}"
            fix = "the simulator; or for one that steps the environment, `state`: all that a step depends on"
            yield Fault("simulator and environment disagree", got, expected, fix)
            return


def whole_state(family: Family, probe: Probe) -> Iterator[Fault]:
    """Whether a state, put into another simulator, goes on as it did."""
    fix = (
        "`state` must hold all that a step depends on, and `set_state` restore it; in gymnasium_family: physics: replay"
    )
    for episode in probe.nominal:
        sim = probe.simulator(episode)
        states = _states(sim, episode)
        if fault := _continues(probe, episode, states, states, "a state does not hold all that a step depends on", fix):
            yield fault
            return


def whole_observation(family: Family, probe: Probe) -> Iterator[Fault]:
    """Whether an observation shows all that a step depends on."""
    what = "hidden state that the observation cannot carry"
    fix = "observe it; or, if it is meant to be inferred from the history, expect no ceiling (bounds=false)"
    for episode in probe.nominal:
        sim = probe.simulator(episode)
        states = _states(sim, episode)
        obs = sim.observe(states)
        try:
            shown = sim.state_of(obs)
        except EnvError as error:
            reason = str(error).splitlines()[0]
            yield Fault(
                "not checked: hidden state", reason, "state_of", "declare it, and the ceiling works too", note=True
            )
            return
        again = sim.observe(shown)
        gap = np.abs((again - obs) / probe.scale).max(axis=-1)
        if not gap.max() <= SAME:
            t = int(np.argmax(gap))
            yield Fault("state_of gives a state that shows something else", f"{again[t]}", f"{obs[t]}", "state_of")
            return
        if fault := _continues(probe, episode, states, shown, what, fix):
            yield fault
            return


def _continues(probe: Probe, episode: Episode, states: Array, given: Array, what: str, fix: str) -> Fault | None:
    """Start from the given states [T+1,X] in a new simulator; what follows must be what followed."""
    sim, obs, T = probe.simulator(episode), None, len(episode.action)
    obs = sim.observe(states)
    for t in range(0, T - AHEAD, max(1, T // 20)):
        action = episode.action[t : t + AHEAD].astype(np.float64)
        path = sim.observe(sim.rollout(given[None, [t]], action[None, None])[0, 0])
        gap = np.abs((path - obs[t + 1 : t + 1 + AHEAD]) / probe.scale).max(axis=-1)
        if not gap.max() <= SAME:
            k = int(np.argmax(~(gap <= SAME)))
            got = f"{path[k]}, {k + 1} steps after the state at step {t} of the episode of reset(seed={episode.seed})"
            return Fault(what, got, f"{obs[t + 1 + k]}", fix)
    return None


def _states(sim: AbstractSimulator, episode: Episode) -> Array:
    """States [T+1,X] of the episode, by the simulator."""
    start = sim.reset([episode.seed])
    after = sim.rollout(start[:, None], episode.action[None, None].astype(np.float64))[0, 0]
    return np.concatenate([start, after])


def _path(family: Family, row: Array, start: Array, probe: Probe) -> Array:
    """Observations of the three episodes in one system, from states [3,X]."""
    sim = family.simulate(row[None])
    action = probe.actions[None].astype(np.float64)
    try:
        return sim.observe(sim.rollout(start[None], action)[0])
    except EnvError:  # states of another system mean nothing to it
        return sim.observe(sim.rollout(_starts(sim, probe)[None], action)[0])


def _starts(sim: AbstractSimulator, probe: Probe) -> Array:
    """Initial states [3,X] of one system."""
    return np.stack([sim.reset([seed])[0] for seed in range(len(probe.actions))])
