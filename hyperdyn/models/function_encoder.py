"""Learned basis functions; what a system is, are its coefficients, found by least squares."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from hyperdyn.errors import ConfigError
from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.nn.encoders.base import clean
from hyperdyn.nn.mlp import ACTIVATIONS, mlp
from hyperdyn.nn.shared import SharedMLP, shared_layer, shared_layers
from hyperdyn.types import Context, Expert, StateSpec


class FunctionEncoder(AbstractDynamics):
    """s' = s + mu_y + sigma_y (m(x) + sum_j c_j g_j(x)),   c = argmin sum_i |y_i - m(x_i) - G_i c|^2 + ridge |c|^2.

    G_i = [g_1(x_i), ..., g_n(x_i)] is [Y,n], and in closed form

        c = (ridge I + sum_i G_i' G_i)^-1 sum_i G_i' (y_i - m(x_i)),   0 where there is no history.

    Ingebrand et al., Zero-Shot Transfer of Neural ODEs, NeurIPS 2024, with the average function m and a ridge.

    m and all g share hidden layers and differ in the last one. That one is linear, so each system has a last layer of
    its own, sum_j c_j W_j, and a step never computes the basis.

    basis: n.
    hidden: hidden layer sizes that m and g share; one at least.
    ridge: precision of the prior of c; the scale of g is learned, so it needs no tuning.

    Raises:
        ConfigError: no hidden layer, no basis function, or a ridge that is not positive.
    """

    def __init__(
        self,
        spec: StateSpec,
        basis: int = 32,
        hidden: Sequence[int] = (128, 128),
        activation: str = "silu",
        ridge: float = 1.0,
    ) -> None:
        super().__init__(spec)
        if not hidden:
            raise ConfigError("function_encoder: hidden", got=[], expected="one layer or more")
        if basis < 1:
            raise ConfigError("function_encoder: basis", got=basis, expected="1 or more")
        if not ridge > 0:
            raise ConfigError("function_encoder: ridge", got=ridge, expected="more than 0", fix="model.ridge=1.0")
        Y = spec.change_dim
        self.n_basis = basis
        self.ridge = ridge
        self._sizes = (spec.input_dim, *hidden, Y)
        self.trunk = mlp(self._sizes[:-1], activation)
        self.mean = nn.Linear(hidden[-1], Y)
        self.basis = nn.Linear(hidden[-1], Y * basis)
        self._activation = ACTIVATIONS[activation]

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        return self._sizes

    def adapt(self, context: Context) -> Expert:
        x, y = self.norm.pairs(context.history)
        coefficients = self.coefficients(x, y, context.mask)
        return ChangeExpert(self.norm, self.combined(coefficients), code=coefficients)

    def evaluate(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Average function [...,Y] and basis functions [...,Y,n] at x [...,X]."""
        h = self._activation(self.trunk(x))
        return self.mean(h), self.basis(h).unflatten(-1, (-1, self.n_basis))

    def coefficients(self, x: Tensor, y: Tensor, mask: Tensor) -> Tensor:
        """c [B,n] of the history x [B,K,X], y [B,K,Y] where mask [B,K]."""
        x, y, mask = clean(x, y, mask)
        mean, basis = self.evaluate(x)
        with torch.autocast(y.device.type, enabled=False):
            keep = mask[..., None].to(y.dtype)  # [B,K,1]
            residual = ((y - mean.to(y.dtype)) * keep).flatten(1, 2).unsqueeze(-1)  # [B,K*Y,1]
            design = (basis.to(y.dtype) * keep.unsqueeze(-1)).flatten(1, 2)  # [B,K*Y,n]
            return ridge_regression(design, residual, self.ridge).squeeze(-1)

    def combined(self, coefficients: Tensor) -> SharedMLP:
        """c [B,n] to the network of each system, x [B,N,X] to [B,N,Y]."""
        (mean_weight, mean_bias), (weight, bias) = shared_layer(self.mean), shared_layer(self.basis)
        weight = weight[0].unflatten(-1, (-1, self.n_basis))  # [h,Y,n]
        bias = bias[0].unflatten(-1, (-1, self.n_basis))  # [1,Y,n]
        own = mean_weight + torch.einsum("hsn,bn->bhs", weight, coefficients)
        own_bias = mean_bias + torch.einsum("hsn,bn->bhs", bias, coefficients)
        return SharedMLP([*shared_layers(self.trunk), (own, own_bias)], self._activation)


def ridge_regression(design: Tensor, target: Tensor, ridge: float) -> Tensor:
    """argmin_c |target - design c|^2 + ridge |c|^2, for design [B,M,n] and target [B,M,1]: [B,n,1]."""
    # In single precision, rounding in the sum outweighs the ridge where data are overwhelming. MPS has no doubles.
    dtype = torch.float32 if design.device.type == "mps" else torch.float64
    wide = design.to(dtype)
    gram = wide.mT @ wide  # [B,n,n]
    eye = torch.eye(gram.shape[-1], dtype=dtype, device=gram.device)
    slack = torch.finfo(dtype).eps * gram.diagonal(dim1=-2, dim2=-1).sum(-1)
    factor = torch.linalg.cholesky(gram + (ridge + slack)[:, None, None] * eye)
    return torch.cholesky_solve(wide.mT @ target.to(dtype), factor).to(design.dtype)
