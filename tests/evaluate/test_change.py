"""The system changes in mid-episode, when it was asked to, and the model learns of it from its history alone."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from hyperdyn import envs
from hyperdyn.behaviour.base import AbstractBehaviour
from hyperdyn.behaviour.pattern_generator import PatternGenerator
from hyperdyn.behaviour.random_uniform import RandomUniform
from hyperdyn.envs.spec import ExactlyOne, Family
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate.change import Change, ChangedEpisodes, play
from hyperdyn.evaluate.tracking import change_scores
from hyperdyn.metrics import HorizonError
from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.models.hyper import Hyper
from hyperdyn.nn.encoders.information import InformationEncoder
from hyperdyn.types import Context, Expert

CHANGE = Change(step=12, steps=30, values={"gain": 0.0})
STARTS = [7, 8, 9]


class Recorder(AbstractDynamics):
    """Predicts no change; remembers its contexts."""

    executed_sizes = (2, 2)

    def __init__(self, family: Family) -> None:
        super().__init__(family.state)
        self.weight = nn.Parameter(torch.zeros(()))
        self.seen: list[Context] = []

    def adapt(self, context: Context) -> Expert:
        self.seen.append(context)
        return ChangeExpert(self.norm, lambda x: self.weight * x[..., :2])


class Surprised(Recorder):
    """Its surprise is the number of transitions that it has seen."""

    def adapt(self, context: Context) -> Expert:
        expert = super().adapt(context)
        expert.surprise = context.mask.sum(1).float()
        return expert


def played(family: Family, change: Change = CHANGE, behaviour: AbstractBehaviour | None = None) -> ChangedEpisodes:
    factors = family.draw("interpolation", 3, 0)
    return play(family, behaviour or RandomUniform(), change, factors, STARTS, episodes=2)


def hyper(family: Family) -> Hyper:
    torch.manual_seed(0)
    return Hyper(family.state, lambda x, s: InformationEncoder(x, s, latent_dim=4, hidden_dim=8), hidden=(8,))


@pytest.mark.parametrize("name", ["point_mass", "cheetah_mix"])
def test_until_the_change_nothing_differs_and_from_then_on_the_changed_system_moves(
    name: str, point_mass: Family
) -> None:
    """To the last bit, MuJoCo's warm starts included."""
    family = point_mass if name == "point_mass" else envs.load(name)
    factor = "gain" if name == "point_mass" else "gain_bthigh"
    step, index = 12, family.factor_names.index(factor)
    found = played(family, Change(step, 30, {factor: 0.0}), PatternGenerator())
    never = played(family, Change(29, 30, {factor: 0.0}), PatternGenerator())
    np.testing.assert_array_equal(found.action, never.action)
    np.testing.assert_array_equal(found.obs[:, :, : step + 1], never.obs[:, :, : step + 1])
    assert (found.obs[:, :, step + 1] != never.obs[:, :, step + 1]).any(-1).all()
    assert (found.after[:, index] == 0).all()
    np.testing.assert_array_equal(np.delete(found.after, index, 1), np.delete(found.before, index, 1))


def test_after_the_change_the_motion_is_that_of_the_changed_system(point_mass: Family) -> None:
    found = played(point_mass)
    for factors, early, late in ((found.before, True, False), (found.after, False, True)):
        start, action = found.obs[:, :, :-1].astype(float), found.action.astype(float)
        rows = start.reshape(3, -1, 2)
        step = point_mass.simulate(factors).rollout(rows, action.reshape(3, -1, 1, 1))[:, :, 0].reshape(3, 2, 30, 2)
        same = np.isclose(step, found.obs[:, :, 1:], atol=1e-6).all(-1)
        assert same[:, :, : CHANGE.step].all() == early
        assert same[:, :, CHANGE.step :].all() == late


def test_seeds_decide_and_nothing_else(point_mass: Family) -> None:
    a, b = played(point_mass), played(point_mass)
    np.testing.assert_array_equal(a.obs, b.obs)
    assert len(np.unique(a.obs[:, :, 0].reshape(-1, 2), axis=0)) == 6
    factors = point_mass.draw("interpolation", 3, 0)
    alone = play(point_mass, RandomUniform(), CHANGE, factors[1:2], STARTS[1:2], episodes=2)
    np.testing.assert_array_equal(alone.obs[0], a.obs[1])


def test_a_family_knows_what_may_break() -> None:
    family = envs.load("cheetah_mix")
    factors = family.draw("interpolation", 8, 0)
    after = Change().apply(family, factors, list(range(8)))
    motors = [i for i, name in enumerate(family.factor_names) if name.startswith("gain")]
    assert ((after != factors).sum(1) == 1).all()
    assert ((after[:, motors] == 0).sum(1) == 1).all()
    assert len({int(np.flatnonzero(row == 0)[-1]) for row in after}) > 2  # not one motor for all
    cripple = envs.load("cheetah_cripple")
    dead = cripple.draw("interpolation", 8, 0)
    assert ((Change().apply(cripple, dead, list(range(8))) == 0).sum(1) == 2).all()  # the dead one does not die again


def test_a_change_is_told_in_words(point_mass: Family) -> None:
    rule = ExactlyOne("extrapolation", ("gain", "drag"), 0.0)
    assert Change().describe(replace(point_mass, exactly_one=(rule,))) == "one of gain, drag becomes 0"
    assert Change(values={"gain": 2.0}).describe(point_mass) == "gain becomes 2"


def test_a_change_that_cannot_be_is_refused(point_mass: Family) -> None:
    with pytest.raises(ConfigError, match="0 < step < 200"):
        Change(step=200)
    with pytest.raises(ConfigError, match="gain, drag"):
        Change().candidates(point_mass)
    with pytest.raises(ConfigError, match="did you mean 'gain'"):
        Change(values={"gian": 0.0}).candidates(point_mass)
    with pytest.raises(ConfigError, match="would not change"):
        Change(values={"gain": 1.0}).apply(point_mass, np.array([[1.0, 0.5]]), [0])


def test_who_is_told_the_factors_of_the_moment_makes_no_error(point_mass: Family, point_mass_truth: Any) -> None:
    (score,) = change_scores(point_mass_truth, played(point_mass), method="truth", split="s", windows=[4])
    assert np.max(score.per_system) < 1e-5
    assert (score.step, score.change, score.adaptation) == (12, "gain becomes 0", "K = 4")
    told_late = replace(played(point_mass), step=CHANGE.step + 3)
    (late,) = change_scores(point_mass_truth, told_late, method="truth", split="s", windows=[4])
    wrong = np.array(late.per_system).max(0) > 1e-3
    assert np.flatnonzero(wrong).tolist() == [12, 13, 14]


def test_a_window_holds_the_last_transitions_before_the_step_and_no_other(point_mass: Family) -> None:
    model, episodes = Recorder(point_mass), played(point_mass)
    change_scores(model, episodes, method="m", split="s", windows=[5])
    contexts = model.seen
    obs = torch.from_numpy(episodes.obs).flatten(0, 1)
    history = torch.cat([c.history.next_obs.unflatten(0, (6, -1)) for c in contexts], dim=1)  # [R,L,K,S]
    mask = torch.cat([c.mask.unflatten(0, (6, -1)) for c in contexts], dim=1)
    for t in range(30):
        known = min(t, 5)
        assert (mask[:, t].sum(1) == known).all()
        torch.testing.assert_close(history[:, t, 5 - known :], obs[:, t - known + 1 : t + 1])
        assert mask[:, t, 5 - known :].all()


@pytest.mark.parametrize("kind", ["window", "recursive"])
def test_no_error_depends_on_what_comes_later(point_mass: Family, kind: str) -> None:
    model, episodes = hyper(point_mass), played(point_mass)
    ways = {"windows": [4], "forgetting": []} if kind == "window" else {"windows": [], "forgetting": [0.9]}
    other = replace(episodes, action=episodes.action.copy())
    other.action[:, :, 21:] = 1000.0  # nobody would overlook that
    (a,), (b,) = (change_scores(model, e, method="m", split="s", **ways) for e in (episodes, other))
    same = np.equal(a.per_system, b.per_system)
    assert same[:, :21].all()
    assert not same[:, 21:].any()


def test_without_forgetting_the_recursive_form_is_a_window_of_everything(point_mass: Family) -> None:
    scores = change_scores(hyper(point_mass), played(point_mass), method="m", split="s", windows=[30], forgetting=[1])
    assert [s.adaptation for s in scores] == ["K = 30", "gamma = 1"]
    np.testing.assert_allclose(scores[0].per_system, scores[1].per_system, rtol=2e-3)


def test_pooled_over_systems_and_steps_it_is_the_error_of_all_rows(point_mass: Family) -> None:
    episodes = played(point_mass)
    (score,) = change_scores(Recorder(point_mass), episodes, method="m", split="s", windows=[4])
    obs = torch.from_numpy(episodes.obs).flatten(0, 1)
    metric = HorizonError(1, 2)
    metric.update(obs[:, :-1, None], obs[:, 1:, None], obs[:, :-1])
    pooled = np.sqrt(np.mean(np.square(score.per_system)))
    assert pooled == pytest.approx(float(metric.compute().nrmse), rel=1e-3)


def test_a_surprise_is_turned_into_a_detection(point_mass: Family) -> None:
    windows = [30, 4]  # the first grows with every step, the second stays at 4 from step 4 on
    grows, stays = change_scores(Surprised(point_mass), played(point_mass), method="m", split="s", windows=windows)
    assert grows.detection == (1.0,) * 6
    assert stays.detection == (float("inf"),) * 6
    (none,) = change_scores(Recorder(point_mass), played(point_mass), method="m", split="s", windows=[4])
    assert none.detection == ()


def far(limit: float) -> Any:
    return lambda obs, action, next_obs: next_obs[..., 0].abs() > limit


def test_episodes_that_end_early_are_left_out_and_counted(point_mass: Family) -> None:
    ending = replace(point_mass, termination=far(1.2))
    found, all_of_them = played(ending), played(point_mass)
    assert found.obs.shape == all_of_them.obs.shape
    assert (np.abs(found.obs[:, :, 1:, 0]) <= 1.2).all()
    lasting = (np.abs(all_of_them.obs[:, :, 1:, 0]) <= 1.2).all(-1)  # [B,E]
    assert not lasting.all()
    assert found.ended >= (~lasting).sum() > 0
    for mine, whole, lasts in zip(found.obs, all_of_them.obs, lasting, strict=True):
        np.testing.assert_array_equal(mine[: lasts.sum()], whole[lasts])  # in the same order, others after them
    assert len(np.unique(found.obs[:, :, 0].reshape(-1, 2), axis=0)) == 6  # none of these is there twice
    (score,) = change_scores(Recorder(point_mass), found, method="m", split="s", windows=[4])
    assert (score.ended, score.dropped) == (found.ended, 0)


def test_a_system_whose_episodes_do_not_last_is_left_out_and_counted(point_mass: Family) -> None:
    factors = np.array([[1.0, 0.5], [1e6, 0.5], [1.0, 0.9]])
    ending = replace(point_mass, termination=far(100.0))
    found = play(ending, RandomUniform(), CHANGE, factors, STARTS, episodes=2)
    assert (found.dropped, found.ended) == (1, 16)
    np.testing.assert_array_equal(found.before, factors[[0, 2]])
    alone = play(ending, RandomUniform(), CHANGE, factors[2:], STARTS[2:], episodes=2)
    np.testing.assert_array_equal(found.obs[1], alone.obs[0])
    with pytest.raises(ConfigError, match="end too early"):
        play(ending, RandomUniform(), CHANGE, factors[1:2], STARTS[1:2], episodes=2)
