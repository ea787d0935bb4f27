"""One global network for every system: what a method must beat."""

from __future__ import annotations

from collections.abc import Sequence

from hyperdyn.models.base import AbstractDynamics, ChangeExpert
from hyperdyn.nn.mlp import mlp
from hyperdyn.types import Context, Expert, StateSpec


class Fixed(AbstractDynamics):
    """s' = s + mu_y + sigma_y f(x), whatever the context says (the paper's XYZ).

    hidden: hidden layer sizes of f.
    """

    def __init__(self, spec: StateSpec, hidden: Sequence[int] = (128, 128), activation: str = "silu") -> None:
        super().__init__(spec)
        self._sizes = (spec.input_dim, *hidden, spec.change_dim)
        self.net = mlp(self._sizes, activation)

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        return self._sizes

    def adapt(self, context: Context) -> Expert:
        return ChangeExpert(self.norm, self.net)
