"""Laws of the distance of a code from those of training."""

import pytest
import torch

from hyperdyn.nn.familiarity import CodeFamiliarity, between

Z = 3


def codes(n: int, seed: int = 0) -> torch.Tensor:
    """N(mean, A A') with correlations and unlike scales."""
    rng = torch.Generator().manual_seed(seed)
    mix = torch.tensor([[1.0, 0, 0], [3.0, 2.0, 0], [-0.2, 0.1, 0.3]], dtype=torch.float64)
    return torch.randn(n, Z, generator=rng, dtype=torch.float64) @ mix.T + torch.tensor([5.0, -1.0, 0.2])


def met(batches: int = 60, k: float = 3.0) -> CodeFamiliarity:
    familiarity = CodeFamiliarity(Z).double()
    for seed in range(batches):
        familiarity(codes(32, seed), torch.full((32,), k))
    return familiarity.eval()


def test_codes_of_one_level_are_one_apart_on_average_and_moments_are_those_of_all() -> None:
    familiarity = met()
    everything = torch.cat([codes(32, seed) for seed in range(60)])
    torch.testing.assert_close(familiarity.mean[2], everything.mean(0))
    torch.testing.assert_close(familiarity.covariance[2], torch.cov(everything.T, correction=0))
    distance = familiarity(codes(4000, 99), torch.full((4000,), 3.0))
    assert distance.mean() == pytest.approx(1.0, abs=0.05)


def test_more_codes_in_a_step_than_moments_look_back_on_replace_them() -> None:
    familiarity = CodeFamiliarity(Z).double()
    for seed in range(2):
        met_last = codes(4096, seed)
        familiarity(met_last, torch.full((4096,), 3.0))
    torch.testing.assert_close(familiarity.mean[2], met_last.mean(0))
    torch.testing.assert_close(familiarity.covariance[2], torch.cov(met_last.T, correction=0))


def test_distance_grows_as_the_square_whatever_the_direction() -> None:
    familiarity = met()
    centre = familiarity.mean[2]
    for direction in torch.eye(Z, dtype=torch.float64):
        near, far = (familiarity((centre + r * direction)[None], torch.tensor([3.0])) for r in (1.0, 10.0))
        torch.testing.assert_close(far, 100 * near)


def test_nothing_is_unfamiliar_without_history_or_before_training() -> None:
    strange = torch.full((2, Z), 1e3, dtype=torch.float64)
    assert (met()(strange, torch.zeros(2)) == 1).all()
    assert (CodeFamiliarity(Z).double().eval()(strange, torch.ones(2)) == 1).all()


def test_only_training_moves_the_moments() -> None:
    familiarity = met()
    before = familiarity.mean.clone()
    familiarity(codes(8) + 100, torch.full((8,), 3.0))
    assert torch.equal(familiarity.mean, before)
    familiarity.train()(codes(8) + 100, torch.full((8,), 3.0))
    assert not torch.equal(familiarity.mean, before)
    assert torch.equal(familiarity.mean[4], before[4])


def test_counts_lie_between_two_levels() -> None:
    weight = between(torch.tensor([0.0, 1.0, 3.0, 4.0, 63.0, 500.0]), 7)
    torch.testing.assert_close(weight.sum(1), torch.ones(6))
    assert weight[[0, 1, 2, 4, 5], [0, 1, 2, 6, 6]].tolist() == [1.0] * 5
    assert (weight[3, 2:4] > 0).all()
