"""What each behaviour promises, in closed form."""

import math
from itertools import pairwise

import numpy as np
import pytest

from hyperdyn.behaviour.base import AbstractOpenLoop, Array, System
from hyperdyn.behaviour.held_uniform import HeldUniform
from hyperdyn.behaviour.mixture import Mixture
from hyperdyn.behaviour.noise import with_noise
from hyperdyn.behaviour.ornstein_uhlenbeck import OrnsteinUhlenbeck
from hyperdyn.behaviour.pattern_generator import PatternGenerator
from hyperdyn.behaviour.random_uniform import RandomUniform
from hyperdyn.behaviour.tuned_pattern import TunedPattern
from hyperdyn.envs import load
from hyperdyn.errors import ConfigError


class Always(AbstractOpenLoop):
    """One action, whatever happens."""

    def __init__(self, value: float) -> None:
        self.value = value

    def actions(self, rng: np.random.Generator, episodes: int, steps: int, action_dim: int, dt: float) -> Array:
        return np.full((episodes, steps, action_dim), self.value)


def pendulum(episodes: int) -> System:
    family = load("pendulum")
    simulator = family.simulate(family.draw("train", 1, 0))
    states = np.concatenate([simulator.reset([e]) for e in range(episodes)])
    return System(simulator, states, family.state, family.objective, family.dt)


def test_uniform_actions_have_the_moments_of_the_uniform_law_and_no_memory() -> None:
    a = RandomUniform().actions(np.random.default_rng(0), 200, 200, 2, 0.05)
    assert abs(a.mean()) < 0.01
    assert a.var() == pytest.approx(1 / 3, rel=0.02)
    assert abs((a[:, 1:] * a[:, :-1]).mean()) < 0.01


@pytest.mark.parametrize("dt", [0.05, 0.02])
def test_ornstein_uhlenbeck_is_stationary_with_an_exponential_memory(dt: float) -> None:
    tau, sigma = 0.2, 0.1  # so narrow that the box never clips
    a = OrnsteinUhlenbeck((tau, tau), (sigma, sigma)).actions(np.random.default_rng(0), 40_000, 12, 1, dt)[..., 0]
    np.testing.assert_allclose(a.var(0), sigma**2, rtol=0.04)  # at every step, the first included
    for lag in (1, 4, 11):
        assert (a[:, 0] * a[:, lag]).mean() / sigma**2 == pytest.approx(math.exp(-lag * dt / tau), abs=0.025)


def test_ornstein_uhlenbeck_joints_and_episodes_are_independent() -> None:
    a = OrnsteinUhlenbeck().actions(np.random.default_rng(0), 20_000, 3, 2, 0.05)[:, -1]
    assert abs(np.corrcoef(a.T)[0, 1]) < 0.03
    assert abs(np.corrcoef(a[1:, 0], a[:-1, 0])[0, 1]) < 0.03


def test_held_actions_last_as_long_as_they_should() -> None:
    a = HeldUniform((0.1, 0.3)).actions(np.random.default_rng(0), 50, 100, 2, 0.05)
    lengths = []
    for episode in a:
        changed = np.flatnonzero((np.diff(episode, axis=0) != 0).all(1)) + 1
        assert len(changed) == (np.diff(episode, axis=0) != 0).any(1).sum()  # all joints change at once
        lengths += [end - begin for begin, end in pairwise([0, *changed])]  # the last segment is cut off
    assert (min(lengths), max(lengths)) == (2, 6)
    assert np.unique(a[:, 0, 0]).size == 50


def test_an_action_is_held_for_one_step_at_least() -> None:
    a = HeldUniform((0.0, 0.0)).actions(np.random.default_rng(0), 2, 10, 1, 0.05)
    assert (np.diff(a, axis=1) != 0).all()


def test_a_pattern_repeats_after_its_period_and_not_before() -> None:
    a = PatternGenerator((2.0, 2.0)).actions(np.random.default_rng(0), 5, 60, 3, 0.05)  # a period of 10 steps
    np.testing.assert_allclose(a[:, 10:], a[:, :-10], atol=1e-12)
    for shorter in range(1, 10):
        assert (np.abs(a[:, shorter:] - a[:, :-shorter]).max(axis=(1, 2)) > 0.05).all()


def test_a_pattern_is_a_motion_in_seconds_not_in_steps() -> None:
    pattern = PatternGenerator()
    slow = pattern.actions(np.random.default_rng(0), 4, 20, 3, 0.05)
    fast = pattern.actions(np.random.default_rng(0), 4, 40, 3, 0.025)
    np.testing.assert_allclose(fast[:, ::2], slow, atol=1e-12)


def test_added_noise_has_the_spread_of_its_episode() -> None:
    noisy = with_noise(np.zeros((3000, 50, 1), np.float32), 0.2, np.random.default_rng(0))
    std = noisy.std(axis=(1, 2))
    assert std.mean() == pytest.approx(0.1, abs=0.003)
    assert std.std() == pytest.approx(0.2 / math.sqrt(12), abs=0.004)  # uniform between episodes
    still = np.full((2, 5, 1), 0.3, np.float32)
    assert np.array_equal(with_noise(still, 0.0, np.random.default_rng(0)), still)


@pytest.mark.parametrize("episodes", [1, 2, 3, 8, 10])
def test_a_mixture_gives_each_part_its_share(episodes: int) -> None:
    weight = np.array([0.5, 0.3, 0.2])
    mixture = Mixture({n: RandomUniform() for n in "abc"}, dict(zip("abc", weight, strict=True)))
    at = (np.arange(500) + 0.5) / 500
    count = np.stack([np.bincount(mixture.assign(episodes, u), minlength=3) for u in at])
    exact = weight * episodes
    assert (count >= np.floor(exact - 1e-9)).all()
    assert (count <= np.ceil(exact + 1e-9)).all()
    np.testing.assert_allclose(count.mean(0), exact, atol=0.01 * episodes)


def test_a_mixture_lets_each_part_play_its_own_episodes() -> None:
    system = pendulum(8)
    parts = {"left": Always(-1.0), "right": Always(1.0), "never": Always(0.0)}
    mixture = Mixture(parts, {"left": 3.0, "right": 1.0, "never": 0.0})
    played = mixture.play(system, 5, np.random.default_rng(0))
    assert played.action[:, 0, 0].tolist() == [-1.0] * 6 + [1.0] * 2
    np.testing.assert_array_equal(played.obs, system.simulate(played.action[:, None])[:, 0])


def test_tuning_never_loses_against_its_own_first_candidates() -> None:
    system = pendulum(6)
    first = TunedPattern(candidates=8, elites=3, iterations=0)
    tuned = TunedPattern(candidates=8, elites=3, iterations=4)
    before, after = (b.play(system, 50, np.random.default_rng(3)) for b in (first, tuned))
    score = [system.returns(p.obs[:, None], p.action[:, None])[:, 0] for p in (before, after)]
    assert (score[1] >= score[0]).all()
    assert (score[1] > score[0] + 1.0).sum() >= 3


def test_the_first_candidates_of_tuning_are_untuned_patterns_and_the_best_of_them_is_found() -> None:
    system, untuned = pendulum(2), PatternGenerator()
    found = TunedPattern(untuned, candidates=16, elites=3, iterations=0).search(system, 30, np.random.default_rng(5))
    drawn = untuned.draw(np.random.default_rng(5), (2, 16), 1).actions(30, system.dt).astype(np.float32)
    best = system.returns(system.simulate(drawn), drawn).argmax(1)
    np.testing.assert_allclose(found, drawn[[0, 1], best], atol=1e-6)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda: HeldUniform((0.5, 0.1)),
        lambda: HeldUniform((0.1, math.nan)),
        lambda: OrnsteinUhlenbeck(tau=(0.0, 0.1)),
        lambda: PatternGenerator(frequency=(-1.0, 1.0)),
        lambda: TunedPattern(candidates=4, elites=4),
        lambda: Mixture({"a": RandomUniform()}, {"b": 1.0}),
        lambda: Mixture({"a": RandomUniform()}, {"a": 0.0}),
    ],
)
def test_what_cannot_be_is_refused(wrong: object) -> None:
    with pytest.raises(ConfigError, match="expected"):
        wrong()  # type: ignore[operator]
