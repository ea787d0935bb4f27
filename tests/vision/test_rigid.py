"""Laws of the motion of an object's pixels, and of the rigid motion that is fitted to it."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from hyperdyn.nn.vision.rigid import rigid_fit, rigid_motion, sample, seen_after, turned
from hyperdyn.nn.vision.topdown import TopDown

LENS = TopDown(cells=16, size=0.2)
AT = LENS.centres(16, torch.zeros((), dtype=torch.float64))


def changes(*shape: int, seed: int = 0) -> Tensor:
    """Up to half a metre along each axis, and every angle."""
    draw = 2 * torch.rand(*shape, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) - 1
    return draw * torch.tensor([0.5, 0.5, math.pi])


@pytest.mark.parametrize("share", [1.0, 0.5, 0.02])
def test_a_rigid_motion_is_recovered_exactly_whatever_the_mask(share: float) -> None:
    true = changes(50)
    weight = torch.rand(50, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    weight = torch.where(weight < share, weight, 0.0)
    weight[:, 3, 4], weight[:, 9, 2] = 0.3, 0.8  # two pixels at least: one cannot turn
    torch.testing.assert_close(rigid_fit(AT, rigid_motion(AT, true), weight), true, atol=1e-9, rtol=0)


def test_only_pixels_with_a_weight_are_fitted() -> None:
    true, weight = changes(4), torch.zeros(4, 16, 16, dtype=torch.float64)
    weight[:, 4:9, 5:12] = 1
    motion = torch.where(weight[:, None] > 0, rigid_motion(AT, true), 7.0)
    torch.testing.assert_close(rigid_fit(AT, motion, weight), true, atol=1e-9, rtol=0)


def test_motion_of_zero_is_no_change() -> None:
    weight = torch.rand(16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    assert rigid_fit(AT, torch.zeros_like(AT), weight).abs().max() < 1e-12


def test_the_fit_is_the_best_rigid_motion() -> None:
    """Of a motion that is not rigid: no other pose change beside it comes nearer."""
    rng = torch.Generator().manual_seed(3)
    true, weight = changes(1), torch.rand(1, 16, 16, generator=rng, dtype=torch.float64)
    motion = rigid_motion(AT, true) + 0.05 * torch.randn(1, 2, 16, 16, generator=rng, dtype=torch.float64)

    def error(change: Tensor) -> Tensor:
        return (weight * (rigid_motion(AT, change) - motion).square().sum(-3)).sum((-2, -1))

    fit = rigid_fit(AT, motion, weight)
    beside = fit + 1e-3 * torch.randn(200, 3, generator=rng, dtype=torch.float64)
    assert (error(beside) > error(fit)).all()


@pytest.mark.parametrize("pixels", [0, 1])
def test_what_cannot_be_fitted_has_finite_gradients(pixels: int) -> None:
    weight = torch.zeros(16, 16, dtype=torch.float64)
    weight[3, 4] = pixels
    motion = torch.full_like(AT, 0.02).requires_grad_()
    change = rigid_fit(AT, motion, weight)
    expected = [0.02 * pixels, 0.02 * pixels, 0.0]
    torch.testing.assert_close(change.detach(), torch.tensor(expected, dtype=torch.float64), atol=1e-12, rtol=0)
    (gradient,) = torch.autograd.grad(change.sum(), motion)
    assert torch.isfinite(gradient).all()


def test_pixels_that_all_go_to_one_point_have_no_direction() -> None:
    nearly = 1e-12 * torch.randn(2, 16, 16, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    change = rigid_fit(AT, 0.03 - AT + nearly, torch.ones(16, 16, dtype=torch.float64))
    torch.testing.assert_close(change, torch.tensor([0.03, 0.03, 0.0], dtype=torch.float64), atol=1e-9, rtol=0)


def test_gradients_agree_with_finite_differences() -> None:
    at = TopDown(cells=4, size=1.0, radius=0.4).centres(4, AT)
    motion = (rigid_motion(at, changes(2)) + 0.1 * torch.randn(2, 2, 4, 4).double()).requires_grad_()
    weight = (0.1 + torch.rand(2, 4, 4).double()).requires_grad_()
    assert torch.autograd.gradcheck(lambda m, w: rigid_fit(at, m, w), (motion, weight))


def test_seen_from_the_body_its_own_motion_is_none() -> None:
    change, other = changes(3), changes(3, seed=5)
    assert seen_after(AT, rigid_motion(AT, change), change).abs().max() < 1e-12
    stays = seen_after(AT, torch.zeros_like(AT), other)  # a pixel of the table, seen from a body that has moved
    by_hand = turned((AT.flatten(1).mT - other[:, None, :2]), -other[:, None, 2]) - AT.flatten(1).mT
    torch.testing.assert_close(stays.flatten(2).mT, by_hand, atol=1e-12, rtol=0)


def test_a_picture_sampled_where_its_pixels_are_is_the_same() -> None:
    picture = torch.rand(2, 3, 16, 16, dtype=torch.float64)
    torch.testing.assert_close(sample(picture, AT.expand(2, -1, -1, -1), 0.2), picture, atol=1e-12, rtol=0)


def test_a_picture_sampled_one_pixel_to_the_right_is_moved_to_the_left() -> None:
    """x goes along the last dimension, y along the one before."""
    picture = torch.rand(1, 1, 16, 16, dtype=torch.float64)
    along_x, along_y = (
        AT + torch.tensor(step, dtype=torch.float64)[:, None, None] for step in ([0.2 / 16, 0], [0, 0.2 / 16])
    )
    torch.testing.assert_close(sample(picture, along_x[None], 0.2)[..., :-1], picture[..., 1:], atol=1e-12, rtol=0)
    torch.testing.assert_close(
        sample(picture, along_y[None], 0.2)[..., :-1, :], picture[..., 1:, :], atol=1e-12, rtol=0
    )
