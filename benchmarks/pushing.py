"""How fast objects are pushed and seen: physics steps, pushes and images in a second of one core, without a reference.

Seconds are those of the processor, so that others on the machine count less.
"""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from hyperdyn.envs import load
from hyperdyn.envs.pushing.simulator import PushingSimulator

OBJECTS, PUSHES, LOOKS = 8, 25, 10


def run() -> list[dict[str, object]]:
    """Rates; higher is better. There is no other simulator of this family to compare with, so there is no goal."""
    family = load("pushing")
    simulator = family.simulate(family.draw("train", OBJECTS, 0))
    assert isinstance(simulator, PushingSimulator)
    state = simulator.reset(range(OBJECTS))
    action = np.random.default_rng(0).uniform(-1, 1, (OBJECTS, PUSHES, 4))
    steps: list[int] = []

    def push() -> None:
        for b, p in np.ndindex(OBJECTS, PUSHES):
            steps.append(simulator.push(b, state[b], action[b, p])[1].steps)

    def look() -> None:
        for b in list(range(OBJECTS)) * LOOKS:
            simulator.photograph(b, state[b])

    pushing, looking = busy(push), busy(look)
    images = OBJECTS * LOOKS * len(simulator.cameras)
    rates = {
        "pushing, physics steps a second": sum(steps) / pushing,
        "pushing, pushes a second": len(steps) / pushing,
        "pushing, RGB-D images of 128 x 128 a second": images / looking,
    }
    return [{"name": name, "ratio": rate, "goal": None, "better": "higher"} for name, rate in rates.items()]


def busy(call: Callable[[], object]) -> float:
    """Processor time of one call [s]."""
    began = time.process_time()
    call()
    return time.process_time() - began


if __name__ == "__main__":
    for result in run():
        print("{name}: {ratio:.0f}".format(**result))
