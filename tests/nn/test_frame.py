"""The frame of an object: moving the whole scene moves every prediction with it."""

import math
from dataclasses import asdict

import pytest
import torch

from hyperdyn import build
from hyperdyn.config import compose
from hyperdyn.errors import ConfigError
from hyperdyn.models.base import rollout
from hyperdyn.nn.normalise import Normaliser
from hyperdyn.types import Context, Frame, StateSpec, Transitions

B, K, N, T = 3, 4, 5, 3
SPEC = StateSpec(
    7, 3, drop=(0, 5), constant=(0, 5, 6), frame=Frame(position=(1, 2), heading=3, directions=(1,), mirrored=(2,))
)
"""goal, x, y, heading, spin, flag, size: the first, the flag and the size are constant, the size is an input."""
PLANE = [1, 2]


def scene(*shape: int, seed: int = 0) -> Transitions:
    g = torch.Generator().manual_seed(seed)
    obs = torch.randn(*shape, 7, generator=g, dtype=torch.double)
    change = torch.randn(*shape, 7, generator=g, dtype=torch.double)
    change[..., list(SPEC.constant)] = 0
    action = torch.rand(*shape, 3, generator=g, dtype=torch.double) * 2 - 1
    return Transitions(obs, action, obs + change)


def turn(vector: torch.Tensor, angle: float) -> torch.Tensor:
    c, s = math.cos(angle), math.sin(angle)
    return vector @ torch.tensor([[c, s], [-s, c]], dtype=vector.dtype)


def moved_obs(obs: torch.Tensor, angle: float, shift: torch.Tensor) -> torch.Tensor:
    obs = obs.clone()
    obs[..., PLANE] = turn(obs[..., PLANE], angle) + shift
    obs[..., 3] += angle
    return obs


def moved(t: Transitions, angle: float, shift: torch.Tensor) -> Transitions:
    action = t.action.clone()
    action[..., 1] += angle / math.pi
    return Transitions(moved_obs(t.obs, angle, shift), action, moved_obs(t.next_obs, angle, shift))


@pytest.fixture
def norm() -> Normaliser:
    made = Normaliser(SPEC).double()
    made.fit([scene(200, seed=9)])
    return made


def test_the_spec_counts_what_a_network_takes_and_gives() -> None:
    assert (SPEC.plain, SPEC.changing) == ((4, 6), (1, 2, 3, 4))
    assert (SPEC.feature_dim, SPEC.input_dim, SPEC.change_dim) == (2, 2 + 3 + 1, 4)
    assert StateSpec.of(asdict(SPEC)) == SPEC


def test_a_moved_scene_is_the_same_input_and_the_same_change(norm: Normaliser) -> None:
    here, there = scene(20), moved(scene(20), 2.3, torch.tensor([4.0, -7.0]))
    for a, b in zip(norm.pairs(here), norm.pairs(there), strict=True):
        torch.testing.assert_close(a, b)


def test_inputs_tell_directions_apart_by_the_object_alone(norm: Normaliser) -> None:
    t = scene(1)
    raw = norm.inputs(t.obs, t.action) * norm.input_std + norm.input_mean
    psi = math.pi * t.action[0, 1] - t.obs[0, 3]
    expected = torch.stack([t.obs[0, 4], t.obs[0, 6], t.action[0, 0], t.action[0, 2], psi.sin(), psi.cos()])
    torch.testing.assert_close(raw[0], expected)
    names = norm.input_names(["goal", "x", "y", "heading", "spin", "flag", "size"])
    assert names == ["spin", "size", "action 0", "action 2", "sin action 1", "cos action 1"]


def test_advance_undoes_changes_and_leaves_constants_alone(norm: Normaliser) -> None:
    t = scene(30)
    torch.testing.assert_close(norm.advance(t.obs, norm.changes(t.obs, t.next_obs)), t.next_obs)
    after = norm.advance(t.obs, torch.randn(30, 4).double())
    assert torch.equal(after[:, [0, 5, 6]], t.obs[:, [0, 5, 6]])


def test_a_change_is_seen_along_the_object(norm: Normaliser) -> None:
    obs = torch.zeros(1, 7).double()
    obs[0, 3] = math.pi / 2  # it points along the world's y
    forward = obs.clone()
    forward[0, 2] += 1
    raw = norm.changes(obs, forward) * norm.change_std + norm.change_mean
    torch.testing.assert_close(raw[0], torch.tensor([1.0, 0, 0, 0]).double())


def test_position_has_one_scale_so_an_error_weighs_as_much_either_way(norm: Normaliser) -> None:
    assert norm.change_std[0] == norm.change_std[1]
    difference = torch.zeros(1, 7).double()
    difference[0, PLANE] = torch.tensor([3.0, 4.0]).double()
    turned = difference.clone()
    turned[0, PLANE] = turn(difference[0, PLANE], 1.0)
    torch.testing.assert_close(norm.relative(difference).norm(), norm.relative(turned).norm())
    assert norm.relative(difference).shape == (1, 4)


def test_spread_is_the_standard_deviation_of_what_advance_gives(norm: Normaliser) -> None:
    obs, std = scene(1).obs, torch.tensor([[0.5, 2.0, 1.0, 0.1]]).double()
    draws = std * torch.randn(200_000, 4, generator=torch.Generator().manual_seed(0)).double()
    sampled = norm.advance(obs.expand(len(draws), -1), draws).std(0)
    torch.testing.assert_close(norm.spread(obs, std)[0], sampled, rtol=0.01, atol=1e-9)


@pytest.mark.parametrize(
    "method",
    ["fixed", "concat", "film", "recurrent", "function_encoder", "grbal", "cadm", "hyper", "hyper_probabilistic"],
)
def test_every_method_moves_with_the_scene(method: str) -> None:
    node = build.plain(compose("train", [f"model={method}"]).model)
    torch.manual_seed(0)
    model = build.model({"family": "f", "state": asdict(SPEC), "model": node}).double().eval()
    model.norm.fit([scene(200, seed=9)])
    history, query = scene(B, K), scene(B, N, T, seed=1)
    shift, angle = torch.tensor([4.0, -7.0]), 2.3
    mask = torch.ones(B, K, dtype=torch.bool)

    def predicted(history: Transitions, query: Transitions) -> torch.Tensor:
        return rollout(model.adapt(Context(history, mask)), query.obs[:, :, 0], query.action)

    here = predicted(history, query)
    there = predicted(moved(history, angle, shift), moved(query, angle, shift))
    torch.testing.assert_close(there, moved_obs(here, angle, shift), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(here[..., [0, 5, 6]], query.obs[:, :, :1, [0, 5, 6]].expand(-1, -1, T, -1))
    nearer = predicted(history, Transitions(query.obs, query.action + 0.1, query.next_obs))
    assert not torch.allclose(here[..., PLANE], nearer[..., PLANE])


@pytest.mark.parametrize(
    "wrong",
    [
        {"drop": (7,)},
        {"constant": (-1,)},
        {"frame": Frame((0, 1), 9)},
        {"frame": Frame((0, 1), 2, directions=(3,))},
        {"frame": Frame((0, 1), 2), "constant": (2,)},
    ],
)
def test_entries_that_there_are_not_are_refused(wrong: dict) -> None:  # type: ignore[type-arg]
    with pytest.raises(ConfigError, match="state: "):
        StateSpec(7, 3, **wrong)
