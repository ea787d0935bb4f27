"""Each fault, planted in an environment that is sound otherwise, is named; and nothing else is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
import torch

from hyperdyn.envs import load
from hyperdyn.envs.checks import Fault, check_family
from hyperdyn.envs.spec import Factor, Family
from hyperdyn.envs.stepping import SteppingSimulator
from hyperdyn.errors import HyperdynError
from hyperdyn.types import StateSpec

DT = 0.1


class Sound(gymnasium.Env[Any, Any]):
    """A mass on a spring: x' = x + v dt, v' = v + (push - stiffness x) dt."""

    dt = DT
    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
    observation_space = gymnasium.spaces.Box(-100.0, 100.0, (2,), np.float64)
    metadata = {"render_modes": []}  # noqa: RUF012 - as Gymnasium declares it

    def __init__(self, stiffness: float = 1.0, colour: float = 0.0) -> None:
        self.stiffness, self.state = stiffness, np.zeros(2)

    def set_state(self, state: Any) -> None:
        self.state = state

    def seen(self) -> Any:
        return self.state.copy()

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.state = self.np_random.uniform(-1, 1, 2)
        return self.seen(), {}

    def push(self, action: Any) -> float:
        return float(np.clip(action[0], -1, 1))

    def step(self, action: Any) -> Any:
        x, v = self.state[:2]
        v = v + DT * (self.push(action) - self.stiffness * x)
        self.state = np.array([x + DT * v, v])
        return self.seen(), float(reward(None, action, torch.from_numpy(self.state))), self.over(), False, {}

    def over(self) -> bool:
        return False


def reward(obs: Any, action: Any, next_obs: Any) -> Any:
    return -(next_obs[..., 0] ** 2)


class Unseeded(Sound):
    def push(self, action: Any) -> float:
        return float(np.random.normal())  # noqa: NPY002 - the fault


class Elsewhere(Sound):
    """Remembers its last push in an attribute that is no part of the state."""

    before = 0.0

    def push(self, action: Any) -> float:
        now, self.before = self.before, float(action[0])
        return now


class Lagging(Sound):
    """The push acts a step later: part of the state, and not observed."""

    def reset(self, **kwargs: Any) -> Any:
        super().reset(**kwargs)
        self.state = np.append(self.state, 0.0)
        return self.seen(), {}

    def seen(self) -> Any:
        return self.state[:2].copy()

    def step(self, action: Any) -> Any:
        lag = self.state[2]
        found = super().step(np.array([lag]))
        self.state = np.append(self.state, action[0])
        return found

    @staticmethod
    def observe(state: Any) -> Any:
        return state[..., :2]

    @staticmethod
    def state_of(obs: Any) -> Any:
        return np.concatenate([obs, np.zeros((*obs.shape[:-1], 1))], axis=-1)


class WideActions(Sound):
    action_space = gymnasium.spaces.Box(-2.0, 2.0, (1,), np.float32)


class NarrowSpace(Sound):
    observation_space = gymnasium.spaces.Box(-0.5, 0.5, (2,), np.float64)


class Longer(Sound):
    observation_space = gymnasium.spaces.Box(-100.0, 100.0, (3,), np.float64)


class Coarse(Sound):
    """Declares doubles and shows single precision."""

    def seen(self) -> Any:
        return self.state.astype(np.float32)


class Diverging(Sound):
    def push(self, action: Any) -> float:
        return float("nan") if self.state[0] > 1 else 5.0


class Paying(Sound):
    def step(self, action: Any) -> Any:
        obs, paid, *rest = super().step(action)
        return obs, paid + 1.0, *rest


class Ending(Sound):
    def over(self) -> bool:
        return bool(abs(self.state[0]) > 1.0)


class Slower(Sound):
    dt = 0.2


class Picky(Sound):
    def __init__(self, stiffness: float = 1.0) -> None:
        if stiffness > 1.4:
            raise ValueError("too stiff")
        super().__init__(stiffness)


def over(obs: Any, action: Any, next_obs: Any) -> Any:
    return abs(next_obs[..., 0]) > 1.0


def family(env: type[Sound] = Sound, **changes: Any) -> Family:
    env_id = f"test/{env.__name__}-v0"
    gymnasium.register(env_id, entry_point=env, max_episode_steps=changes.pop("limit", None))
    stiffness = Factor("N/m", 1.0, train=((0.5, 1.5),), extrapolation=((2.0, 3.0),))
    made = Family("sound", env_id, {"stiffness": stiffness}, StateSpec(2, 1), DT, 40, reward, SteppingSimulator)
    return replace(made, **changes)


@pytest.fixture(autouse=True)
def clean_registry() -> Iterator[None]:
    before = dict(gymnasium.registry)
    yield
    gymnasium.registry.clear()
    gymnasium.registry.update(before)


def faults(of: Family) -> list[Fault]:
    return check_family(of, worker=False)


def test_a_sound_environment_has_no_fault() -> None:
    assert faults(family()) == []
    assert faults(family(Ending, termination=over)) == []


@pytest.mark.parametrize("name", ["pendulum", "ant_cripple"])
def test_families_of_the_package_have_no_fault(name: str) -> None:
    assert faults(load(name)) == []


PLANTED: dict[str, tuple[dict[str, Any], str]] = {
    "Unseeded": ({"env": Unseeded}, "the environment is not deterministic under a seed"),
    "Elsewhere": ({"env": Elsewhere}, "a state does not hold all that a step depends on"),
    "Lagging": ({"env": Lagging}, "hidden state that the observation cannot carry"),
    "WideActions": ({"env": WideActions}, "the action space is not the declared box"),
    "NarrowSpace": ({"env": NarrowSpace}, "an observation lies outside its space"),
    "Longer": ({"env": Longer}, "the observation space is not of the declared size"),
    "Coarse": ({"env": Coarse}, "an observation is not of its space's kind"),
    "Diverging": ({"env": Diverging}, "NaN or infinity"),
    "Paying": ({"env": Paying}, "the objective disagrees with the reward"),
    "Ending": ({"env": Ending}, "an episode ends early"),
    "never ending": ({"termination": over}, "the declared termination disagrees"),
    "Slower": ({"env": Slower}, "dt disagrees with the environment"),
    "Picky": ({"env": Picky}, "a system cannot be made"),
    "limit": ({"limit": 20}, "episodes are longer than the environment's time limit"),
    "colour": (
        {"factors": {"colour": Factor("1", 0.0, train=((0.0, 1.0),))}},
        "factor 'colour' has no effect on the dynamics",
    ),
    "constant": ({"factors": {"stiffness": Factor("1", 1.0, train=(1.0,))}}, "factor 'stiffness' never varies"),
    "splits": (
        {"factors": {"stiffness": Factor("1", 1.0, ((0.5, 1.5),), ((2.0, 3.0),), ((2.5, 4.0),))}},
        "splits of factor 'stiffness'",
    ),
    "a lambda": ({"objective": lambda s, a, n: -(n[..., 0] ** 2)}, "worker processes cannot make its systems"),
}


ENTAILS_OTHERS = {"Unseeded", "Elsewhere", "Longer", "Diverging", "Picky", "Coarse"}


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_named_and_not_taken_for_another(name: str) -> None:
    changes, what = PLANTED[name]
    found = [fault.what for fault in faults(family(**changes))]
    assert what in found
    assert found == [what] or name in ENTAILS_OTHERS


def test_faults_are_named_together() -> None:
    both = type("Both", (Paying, Slower, WideActions), {})
    planted = [PLANTED[name][1] for name in ("WideActions", "Slower", "Paying")]
    assert sorted(f.what for f in faults(family(both))) == sorted(planted)


def test_what_a_worker_process_cannot_find_is_a_fault() -> None:
    """The id is registered here, and nowhere else."""
    found = check_family(family(), worker=True)
    assert [fault.what for fault in found] == ["worker processes cannot make its systems"]


def test_an_environment_that_raises_does_not_stop_the_other_checks() -> None:
    class Broken(Slower):
        def step(self, action: Any) -> Any:
            raise HyperdynError("out of order")

    found = [fault.what for fault in faults(family(Broken))]
    assert "dt disagrees with the environment" in found
    assert any(what.startswith("not checked") for what in found)
    assert len(set(found)) > 2
