"""What stands in for LAPACK in ONNX does what LAPACK does."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from hyperdyn.deploy.linear_algebra import cholesky, cholesky_solve, solve_triangular, triangular_inverse


def positive(n: int, spread: float) -> Tensor:
    rng = torch.Generator().manual_seed(n)
    root = torch.randn(2, n + 3, n, generator=rng, dtype=torch.float64) * torch.logspace(0, spread, n)
    return torch.eye(n) + root.mT @ root


@pytest.mark.parametrize("n", [1, 2, 3, 5, 8, 32])
@pytest.mark.parametrize("spread", [0.0, 2.0])
def test_it_is_lapack(n: int, spread: float) -> None:
    matrix = positive(n, spread)
    factor = torch.linalg.cholesky(matrix)
    target = torch.randn(2, n, 3, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(cholesky(matrix), factor)
    torch.testing.assert_close(cholesky(matrix, upper=True), factor.mT)
    torch.testing.assert_close(triangular_inverse(factor) @ factor, torch.eye(n, dtype=torch.float64).expand_as(factor))
    white = torch.linalg.solve_triangular(factor, target, upper=False)
    torch.testing.assert_close(solve_triangular(factor, target, upper=False), white)
    expected = torch.cholesky_solve(target, factor)
    torch.testing.assert_close(cholesky_solve(target, factor), expected)
    torch.testing.assert_close(cholesky_solve(target, factor.mT, upper=True), expected)


def test_single_precision_goes_in_and_comes_out() -> None:
    matrix = positive(4, 0.0).float()
    assert cholesky(matrix).dtype == cholesky_solve(matrix, cholesky(matrix)).dtype == torch.float32
