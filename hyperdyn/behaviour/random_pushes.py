"""Random pushes of an object on a table, each checked before it is kept."""

from __future__ import annotations

from collections import Counter
from typing import final

import numpy as np

from hyperdyn.behaviour.base import AbstractBehaviour, Actions, Array, Played, System
from hyperdyn.behaviour.ranges import check_range
from hyperdyn.envs.pushing.pushes import push_of
from hyperdyn.envs.pushing.scales import WORKSPACE
from hyperdyn.envs.pushing.simulator import PushingSimulator
from hyperdyn.envs.pushing.world import Outcome
from hyperdyn.errors import ConfigError, EnvError

MOVED = (2e-3, 0.02)
"""An object has moved if it is farther [m] or turned more [rad] than this."""

FARTHEST = 0.35
"""[m] no push can carry an object farther: the longest way, and what the fastest tool lets it slide."""

DEEPEST = 3e-3
"""[m] that tool and object may overlap while they touch."""


@final
class RandomPushes(AbstractBehaviour):
    """Directions, distances and speeds drawn evenly, lines aimed at the object, and the object kept on the table.

    A push is drawn anew if its tool would end outside the workspace, which is known beforehand. It is simulated, and
    drawn anew and counted, if the object then lies outside the workspace, does not rest, no longer stands, went farther
    than a push can carry it, overlapped the tool, or, while fewer than `moved` of an episode's pushes have moved the
    object, if it did not move.

    offset: largest |a1|, 1 being `scales.MAX_OFFSET`.
    moved: least share of the pushes of each episode that move the object.
    tries: simulated draws of one push before its system is given up.

    Raises:
        ConfigError: a family that is not about pushing.
        EnvError: no acceptable push was found, or an object begins outside the workspace.
    """

    def __init__(self, offset: float = 1.0, moved: float = 0.8, tries: int = 200) -> None:
        self.offset = check_range("offset", (0.0, offset), high=1.0)[1]
        self.moved = check_range("moved", (0.0, moved), high=1.0)[1]
        self.tries = tries

    def play(self, system: System, steps: int, rng: np.random.Generator) -> Played:
        simulator = system.simulator
        if not isinstance(simulator, PushingSimulator):
            raise ConfigError(
                "random pushes need a family of pushing",
                got=type(simulator).__name__,
                fix="env=pushing, or another behaviour: behaviour=mixture",
            )
        farthest = float(np.abs(system.states[:, :2]).max())
        if farthest > WORKSPACE:
            raise EnvError("an object outside the workspace", got=f"|x| or |y| = {farthest:.3g} m", expected=WORKSPACE)
        states = np.empty((system.episodes, steps + 1, system.states.shape[-1]))
        action = np.empty((system.episodes, steps, system.spec.action_dim), dtype=np.float32)
        redrawn: Counter[str] = Counter()
        for e, state in enumerate(system.states):
            states[e, 0], moves = state, 0
            for t in range(steps):
                idle = moves < self.moved * (t + 1)
                action[e, t], states[e, t + 1], moved = self._one(simulator, states[e, t], idle, rng, redrawn)
                moves += moved
        return Played(simulator.observe(states), action, {name: redrawn[name] for name in sorted(redrawn)})

    def _one(
        self,
        simulator: PushingSimulator,
        state: Array,
        must_move: bool,
        rng: np.random.Generator,
        redrawn: Counter[str],
    ) -> tuple[Actions, Array, bool]:
        """An action that was accepted, the state after it, and whether it moved the object."""
        for _ in range(self.tries):
            action = self._inside(state, rng)
            exact = action.astype(np.float64)
            after, outcome = simulator.push(0, state, exact)
            moved = has_moved(state, after)
            wrong = fault(state, after, outcome) or ("did not move" if must_move and not moved else None)
            if wrong is None:
                return action, after, moved
            redrawn[wrong] += 1
        raise EnvError(
            f"none of {self.tries} random pushes could be kept",
            got=f"redrawn for: {dict(redrawn)}; object at {state[:2].round(3).tolist()}",
            fix="objects may be too heavy, or too slippery to stay on the table: narrow the ranges of the factors",
        )

    def _inside(self, state: Array, rng: np.random.Generator) -> Actions:
        """A push whose tool ends inside the workspace: from any place in it, those inwards do."""
        while True:
            # Rounded before it is executed: what is stored is what acted.
            action = (rng.uniform(-1.0, 1.0, 4) * (1.0, self.offset, 1.0, 1.0)).astype(np.float32)
            if np.abs(push_of(state[:2], action.astype(np.float64)).end).max() <= WORKSPACE:
                return action


def has_moved(state: Array, after: Array) -> bool:
    """Whether the object is elsewhere, or turned: states [X]."""
    distance, turn = float(np.hypot(*(after[:2] - state[:2]))), abs(after[7] - state[7])
    return bool(distance > MOVED[0] or turn > MOVED[1])


def fault(state: Array, after: Array, outcome: Outcome) -> str | None:
    """Why a push from a state [X] to another cannot be kept, None if it can."""
    if not np.isfinite(after).all() or np.hypot(*(after[:2] - state[:2])) > FARTHEST:
        return "was flung"
    if outcome.sunk > DEEPEST:
        return "overlapped the tool"
    if not outcome.rested:
        return "did not rest"
    if not outcome.stands:
        return "toppled"
    if np.abs(after[:2]).max() > WORKSPACE:
        return "left the workspace"
    return None
