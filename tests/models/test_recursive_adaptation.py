"""Adapting from a stream is adapting from its history."""

from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor

from hyperdyn.envs.spec import Family
from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.models.base import rollout
from hyperdyn.models.fixed import Fixed
from hyperdyn.models.hyper import Hyper
from hyperdyn.models.recursive_adaptation import RecursiveAdaptation
from hyperdyn.nn.encoders.information import InformationEncoder
from hyperdyn.nn.encoders.mean_pool import MeanPoolEncoder
from hyperdyn.planning.control import run_episodes
from hyperdyn.planning.random_shooting import RandomShooting
from hyperdyn.types import Context, Expert, StateSpec, Transitions

SPEC = StateSpec(2, 1, drop=(0,))
B, L = 3, 12


def model(encoder: type = InformationEncoder) -> Hyper:
    torch.manual_seed(0)
    made = Hyper(SPEC, partial(encoder, hidden_dim=8), hidden=(8,))
    made.norm.fit([history()])
    return made.eval()


def history() -> Transitions:
    rng = torch.Generator().manual_seed(1)
    obs = torch.randn(B, L, 2, generator=rng)
    return Transitions(obs, torch.randn(B, L, 1, generator=rng), obs + torch.randn(B, L, 2, generator=rng))


def at(past: Transitions, t: int) -> Transitions:
    return Transitions(past.obs[:, t], past.action[:, t], past.next_obs[:, t])


def test_a_stream_gives_the_expert_of_the_whole_history() -> None:
    hyper, past = model(), history()
    online = RecursiveAdaptation(hyper, forgetting=1.0)
    online.reset(B)
    for t in range(L):
        online.observe(at(past, t))
    expected = hyper.adapt(Context(past, torch.ones(B, L, dtype=torch.bool)))
    query = torch.randn(B, 4, 2), torch.randn(B, 4, 3, 1)
    torch.testing.assert_close(rollout(online.expert(), *query), rollout(expected, *query), atol=1e-5, rtol=1e-5)
    online.reset(B)
    prior = hyper.adapt(Context.empty(B, SPEC))
    torch.testing.assert_close(rollout(online.expert(), *query), rollout(prior, *query))


def codes(family: Family, adapt: Callable[[Context], Expert], length: int) -> Tensor:
    """Of the expert of each decision [L,B,Z] in a closed loop whose actions do not depend on it."""
    found = []

    def watched(context: Context) -> Expert:
        expert = adapt(context)
        assert expert.code is not None
        found.append(expert.code)
        return expert

    simulator = family.simulate(family.draw("train", B, 0))
    run_episodes(
        simulator, simulator.reset(range(B)), watched, RandomShooting(horizon=2, candidates=1, elites=1),
        family.objective, SPEC, steps=L, seeds=range(B), history=length, tile=None,
    )  # fmt: skip
    return torch.stack(found)


def test_the_closed_loop_adapts_from_everything_so_far_and_anew_in_each_episode(point_mass: Family) -> None:
    hyper = model()
    online = RecursiveAdaptation(hyper, forgetting=1.0)
    expected = codes(point_mass, hyper.adapt, L)
    for _ in range(2):
        torch.testing.assert_close(codes(point_mass, online, 1), expected, atol=1e-5, rtol=1e-4)
    forgetful = codes(point_mass, RecursiveAdaptation(hyper, forgetting=0.5), 1)
    assert (forgetful - expected)[2:].abs().amax((1, 2)).min() > 1e-3


def test_nothing_is_kept_for_gradients() -> None:
    online = RecursiveAdaptation(model())
    online.reset(B)
    online.observe(at(history(), 0))
    assert online._state is not None
    assert not online._state.gram.requires_grad


def test_what_cannot_be_updated_is_refused() -> None:
    for other in (Fixed(SPEC), model(MeanPoolEncoder)):
        assert not RecursiveAdaptation.supports(other)
        with pytest.raises(ConfigError, match="adds up"):
            RecursiveAdaptation(other)
    with pytest.raises(ShapeError, match="history=1"):
        RecursiveAdaptation(model())(Context(history(), torch.ones(B, L, dtype=torch.bool)))
    with pytest.raises(ShapeError, match="reset"):
        RecursiveAdaptation(model()).expert()
