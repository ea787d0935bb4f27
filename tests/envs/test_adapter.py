"""Environments that nobody here wrote, as families: the laws that hold for those of this package."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import pytest

from hyperdyn.envs import load
from hyperdyn.envs.adapter import gymnasium_family
from hyperdyn.envs.adapter.actions import Actions
from hyperdyn.envs.adapter.attributes import apply, formulas
from hyperdyn.envs.adapter.physics import AHEAD
from hyperdyn.envs.checks import check_family
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, EnvError, ShapeError

EXAMPLES = Path(__file__).parents[2] / "examples" / "gymnasium"
G = {"g": {"unit": "m/s^2", "nominal": 10.0, "train": [[8, 12]]}}


@pytest.fixture(params=sorted(EXAMPLES.glob("*.yaml")), ids=lambda p: p.stem)
def family(request: pytest.FixtureRequest) -> Family:
    return load(str(request.param))


@pytest.fixture(autouse=True)
def clean_registry() -> Iterator[None]:
    before = dict(gymnasium.registry)
    yield
    gymnasium.registry.clear()
    gymnasium.registry.update(before)


def pendulum(**changes: Any) -> Family:
    return gymnasium_family(**{"name": "p", "env_id": "Pendulum-v1", "factors": G, "objective": "0", **changes})


def some_actions(family: Family, *leading: int) -> np.ndarray:
    return np.random.default_rng(0).uniform(-1, 1, (*leading, family.state.action_dim))


def test_examples_have_no_fault(family: Family) -> None:
    assert check_family(family, worker=False) == []


def test_a_family_travels_to_worker_processes(family: Family) -> None:
    there = pickle.loads(pickle.dumps(family))
    row = family.draw("train", 1, 0)
    states = [f.simulate(row).reset([0]) for f in (family, there)]
    np.testing.assert_array_equal(states[0], states[1])


def test_episodes_are_those_of_the_environment_itself() -> None:
    """Beside the plain Pendulum-v1 with that g, its torque in its own units."""
    family = pendulum()
    simulator = family.simulate(np.array([[9.0]]))
    action = some_actions(family, 1, 1, 60)
    states = simulator.rollout(simulator.reset([3])[:, None], action)
    env = gymnasium.make("Pendulum-v1", g=9.0)
    obs, _ = env.reset(seed=3)
    for t in range(60):
        obs, _, _, _, _ = env.step((2.0 * action[0, 0, t]).astype(np.float32))
        np.testing.assert_array_equal(simulator.observe(states[0, 0, t]), obs.astype(np.float64))


@pytest.mark.parametrize("physics", ["auto", "replay"])
def test_a_rollout_cut_into_pieces_is_the_same_rollout(family: Family, physics: str) -> None:
    if physics == "replay":
        family = replayed(family)
    row = family.draw("train", 1, 0)
    first, second = family.simulate(row), family.simulate(row)
    action = some_actions(family, 1, 1, 30)
    start = first.reset([5])[:, None]
    whole = first.rollout(start, action)
    early = second.rollout(start, action[:, :, :11])
    late = family.simulate(row).rollout(early[:, :, -1], action[:, :, 11:])
    np.testing.assert_array_equal(first.observe(np.concatenate([early, late], axis=2)), first.observe(whole))


def replayed(family: Family) -> Family:
    """The same family, with episodes played again instead of states that are set."""
    assert family.builder is not None
    return replace(family, builder=replace(family.builder, physics="replay"))  # type: ignore[type-var]


def test_a_replay_gives_the_episodes_that_setting_the_state_gives(family: Family) -> None:
    row, action = family.draw("train", 1, 0), some_actions(family, 1, 1, 30)
    paths = []
    for one in (family, replayed(family)):
        simulator = one.simulate(row)
        paths.append(simulator.observe(simulator.rollout(simulator.reset([5])[:, None], action)))
    np.testing.assert_array_equal(paths[0], paths[1])


def test_a_replay_looks_beyond_the_end_of_an_episode_and_says_how_far() -> None:
    row, action = np.array([[9.0]]), some_actions(pendulum(), 1, 1, 31 + AHEAD)
    paths = []
    for one in (pendulum(episode_steps=30), pendulum(episode_steps=30, physics="replay")):
        simulator = one.simulate(row)
        paths.append(simulator.observe(simulator.rollout(simulator.reset([5])[:, None], action[:, :, :-1])))
    np.testing.assert_array_equal(paths[0], paths[1])
    with pytest.raises(EnvError, match=r"131 steps\n  expected: at most 130"):
        simulator.rollout(simulator.reset([5])[:, None], action)


def test_a_replay_refuses_the_state_of_another_system() -> None:
    one = replayed(pendulum())
    state = one.simulate(np.array([[9.0]])).reset([0])
    with pytest.raises(EnvError, match="a state of one system in another"):
        one.simulate(np.array([[10.0]])).rollout(state[:, None], some_actions(one, 1, 1, 2))


def test_choices_divide_the_interval_evenly() -> None:
    family = gymnasium_family(
        "a", "Acrobot-v1", {"m": {"unit": "kg", "nominal": 1.0, "train": [[0.5, 2]]}}, "control[0]",
        attributes={"LINK_MASS_2": "m"},
    )  # fmt: skip
    env: Any = family.make(family.nominal)
    chosen = [int(env.actions.to_env(np.array([a]))) for a in (-1.0, -0.34, -0.33, 0.33, 0.34, 1.0)]
    assert chosen == [0, 0, 1, 1, 2, 2]
    actions = np.array([[-1.0], [-0.34], [-0.33], [0.33], [0.34], [1.0]])
    obs = np.zeros((6, family.state.obs_dim))
    assert family.objective(obs, actions, obs).tolist() == chosen
    assert family.dt == 0.2
    assert family.episode_steps == 500


@pytest.mark.parametrize(
    ("space", "chosen"),
    [
        (gymnasium.spaces.Discrete(3, start=-1), [-1, 0, 1]),
        (gymnasium.spaces.MultiDiscrete([3, 2], start=[1, 5]), [[1, 5], [2, 6], [3, 6]]),
    ],
)
def test_choices_begin_where_their_space_does(space: gymnasium.Space[Any], chosen: list[Any]) -> None:
    actions = Actions.of(space, "e")
    found = [actions.to_env(np.full(len(actions.low), a)) for a in (-1.0, 0.0, 1.0)]
    assert [np.asarray(one).tolist() for one in found] == chosen
    assert all(space.contains(one) for one in found)


def test_a_factor_of_a_whole_number_need_not_be_whole() -> None:
    class Env:
        speed, gravity, closed = 8, 9.8, True

    for value in (6.0, 6.75):
        env = Env()
        apply(env, formulas({"speed": "v", "gravity": "v", "closed": "1"}, {"v": None}), {"v": value})
        assert (env.speed, env.gravity, env.closed) == (value, value, True)
        assert (type(env.speed), type(env.closed)) == (int if value == 6 else float, bool)


def test_a_count_is_given_to_the_constructor_as_one() -> None:
    """frame_skip changes the dynamics; a reset noise does not, and neither does a reward."""
    family = gymnasium_family(
        "h",
        "Hopper-v5",
        {
            "frame_skip": {"unit": "steps", "nominal": 4, "train": [2, 4], "extrapolation": [8]},
            "reset_noise_scale": {"unit": "1", "nominal": 0.005, "train": [[0.001, 0.01]]},
            "healthy_reward": {"unit": "1", "nominal": 0.0, "train": [[0.5, 2]]},
        },
        "-0.001*sum(action**2)",
        env_kwargs={"terminate_when_unhealthy": False},
        observation="state",
        episode_steps=50,
    )
    assert family.dt == pytest.approx(0.008)
    found = {fault.what for fault in check_family(family, worker=False)}
    assert found == {
        "factor 'reset_noise_scale' has no effect on the dynamics",
        "factor 'healthy_reward' has no effect on the dynamics",
        "the objective disagrees with the reward",
    }


class Filmed(gymnasium.Env[Any, Any]):
    """A point with a velocity, shown as a picture."""

    action_space = gymnasium.spaces.Box(-1.0, 1.0, (1,), np.float32)
    observation_space = gymnasium.spaces.Box(0, 255, (8, 8, 3), np.uint8)
    as_dict = False

    def __init__(self, gain: float = 1.0) -> None:
        self.gain, self.state = gain, np.zeros(2)
        if self.as_dict:
            speed = gymnasium.spaces.Box(-np.inf, np.inf, (2,), np.float64)
            self.observation_space = gymnasium.spaces.Dict({"camera": self.observation_space, "motion": speed})

    def _shown(self) -> Any:
        picture = np.full((8, 8, 3), int(abs(self.state[0])) % 255, np.uint8)
        return {"camera": picture, "motion": self.state.copy()} if self.as_dict else picture

    def reset(self, *, seed: int | None = None, options: Any = None) -> Any:
        super().reset(seed=seed)
        self.state = self.np_random.normal(size=2)
        return self._shown(), {}

    def step(self, action: Any) -> Any:
        x, v = self.state
        self.state = np.array([x + 0.1 * v, v + 0.1 * self.gain * action[0]])
        return self._shown(), float(self.state[1]), False, False, {}


class FilmedDict(Filmed):
    as_dict = True


@pytest.mark.parametrize(("env", "observation"), [(Filmed, "state"), (FilmedDict, "motion"), (FilmedDict, "state")])
def test_pixels_are_left_aside(env: type[Filmed], observation: str) -> None:
    gymnasium.register("test/Filmed-v0", entry_point=env)
    args = {"env_id": "test/Filmed-v0", "factors": {"gain": {"unit": "1", "nominal": 1, "train": [[0.5, 2]]}}}
    family = pendulum(**args, objective="next_obs[1]", dt=0.1, observation=observation)
    assert family.state.obs_dim == 2
    assert check_family(family, worker=False) == []
    with pytest.raises(ConfigError, match="are no vector"):
        pendulum(**args, dt=0.1, observation=() if env is Filmed else "camera")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"env_id": "Pendulumm-v1"}, "there is no environment"),
        ({"env_id": "no_such_module:Pendulum-v1"}, "needs a module"),
        ({"factors": {"gee": G["g"]}}, "does not take a factor"),
        ({"env_id": f"{__name__}:Pendulum-v1", "factors": {"gee": G["g"]}}, "expected: render_mode, g"),
        ({"factors": {"g": {**G["g"], "trian": [1]}}}, "did you mean 'train'"),
        ({"attributes": {"no.such": "g"}}, "no.such"),
        ({"attributes": {"a b": "g"}}, "no path"),
        ({"attributes": {"g": "gg"}}, "did you mean 'g'"),
        ({"objective": ["x"]}, "neither a formula nor a function"),
        ({"objective": "obs[theta]"}, "an index"),
        ({"objective": "obs[0] / (1 - 1)**-1"}, "cannot be computed"),
        ({"physics": "magic"}, "there are: attribute"),
        ({"env_id": "MountainCarContinuous-v0", "factors": {}}, "how long an action lasts"),
    ],
)
def test_what_cannot_be_is_a_config_error(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        pendulum(**changes)


@pytest.mark.parametrize("changes", [{"objective": "sum(obs[3])"}, {"termination": "obs > 0"}])
def test_a_formula_that_does_not_fit_is_found_when_the_family_is_made(changes: dict[str, Any]) -> None:
    with pytest.raises(ShapeError):
        pendulum(**changes)


def test_an_id_that_imports_its_module_has_the_limit_of_its_registration() -> None:
    assert pendulum(env_id=f"{__name__}:Pendulum-v1").episode_steps == pendulum().episode_steps == 200


def test_without_an_inverse_the_error_says_how_to_go_on() -> None:
    with pytest.raises(EnvError, match="state_of: a formula"):
        pendulum().simulate(np.array([[9.0]])).state_of(np.zeros((1, 3)))
