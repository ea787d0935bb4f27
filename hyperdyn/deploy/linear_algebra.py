"""What ONNX has no operator for, in those that it has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor


def cholesky(matrix: Tensor, *, upper: bool = False) -> Tensor:
    """The lower factor of a positive definite matrix [...,n,n]: column by column, in float64.

    L_j = C_j / sqrt(C_jj) below the diagonal,   C <- C - L_j L_j'
    """
    n = matrix.shape[-1]
    rest, columns = matrix.double(), []
    below = torch.tril(torch.ones(n, n, dtype=torch.float64, device=matrix.device))
    for j in range(n):
        column = rest[..., j] * below[:, j] / rest[..., j, j].sqrt().unsqueeze(-1)
        columns.append(column)
        rest = rest - column.unsqueeze(-1) * column.unsqueeze(-2)
    factor = torch.stack(columns, dim=-1).to(matrix.dtype)
    return factor.mT if upper else factor


def cholesky_solve(target: Tensor, factor: Tensor, upper: bool = False) -> Tensor:
    """(L L')^-1 B of B [...,n,m] and L [...,n,n], in float64."""
    inverse = triangular_inverse((factor.mT if upper else factor).double())
    return (inverse.mT @ (inverse @ target.double())).to(target.dtype)


def solve_triangular(
    matrix: Tensor, target: Tensor, *, upper: bool, left: bool = True, unitriangular: bool = False
) -> Tensor:
    """L^-1 B of L [...,n,n] and B [...,n,m], in float64; only what this package asks for."""
    assert (left, upper, unitriangular) == (True, False, False)
    return (triangular_inverse(matrix.double()) @ target.double()).to(target.dtype)


def triangular_inverse(lower: Tensor) -> Tensor:
    """Of a lower triangular matrix L = D (I - N): (I + N) (I + N^2) (I + N^4) ... D^-1, exact because N^n = 0."""
    n = lower.shape[-1]
    eye = torch.eye(n, dtype=lower.dtype, device=lower.device)
    diagonal = (lower * eye).sum(-1)
    power = eye - lower / diagonal.unsqueeze(-1)
    inverse = eye + power
    for _ in range((n - 1).bit_length() - 1):
        power = power @ power
        inverse = inverse + inverse @ power
    return inverse / diagonal.unsqueeze(-2)


def decompositions() -> dict[Any, Callable[..., Any]]:
    """What `ExportedProgram.run_decompositions` takes."""
    table = torch.export.default_decompositions()
    table[torch.ops.aten.linalg_cholesky.default] = cholesky
    table[torch.ops.aten.cholesky_solve.default] = cholesky_solve
    table[torch.ops.aten.linalg_solve_triangular.default] = solve_triangular
    return table
