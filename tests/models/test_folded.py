"""A folded expert predicts what the expert predicts."""

from __future__ import annotations

import pytest
import torch

from hyperdyn.models.base import AbstractDynamics, ChangeExpert, rollout
from hyperdyn.models.fixed import Fixed
from hyperdyn.models.folded import FoldedExpert, folded
from hyperdyn.models.gaussian import GaussianExpert, GeneratedGaussian, Scaled
from hyperdyn.nn.mlp import GeneratedMLP, MLPSpec
from hyperdyn.types import Context, Expert, StateSpec, Transitions

SPECS = [
    StateSpec(5, 2),
    StateSpec(6, 2, drop=(0,), angles=(2,)),
    StateSpec(7, 1, drop=(1, 6), angles=(4, 0, 3)),
]


class Generated(AbstractDynamics):
    """Three systems with weights drawn anew for each spec."""

    executed_sizes = ()

    def adapt(self, context: Context) -> Expert:
        sizes = MLPSpec((self.spec.input_dim, 16, 16, self.spec.obs_dim))
        theta = torch.stack([sizes.init(torch.Generator().manual_seed(b)) for b in range(3)])
        return ChangeExpert(self.norm, GeneratedMLP(sizes, theta))


def fit(model: AbstractDynamics) -> None:
    S, A = model.spec.obs_dim, model.spec.action_dim
    obs = torch.randn(500, S) * torch.linspace(0.1, 3, S) + 1
    model.norm.fit([Transitions(obs, torch.rand(500, A) * 2 - 1, obs + 0.3 * torch.randn(500, S) - 0.1)])


@torch.no_grad()
@pytest.mark.parametrize("spec", SPECS, ids=["plain", "drop and angle", "scattered"])
@pytest.mark.parametrize("kind", ["generated", "fixed"])
def test_predictions_are_the_same(spec: StateSpec, kind: str) -> None:
    torch.manual_seed(0)
    model = Generated(spec) if kind == "generated" else Fixed(spec, (16, 16))
    fit(model)
    context = Context.empty(3, spec)
    obs, action = torch.randn(3, 4, spec.obs_dim), torch.rand(3, 4, 6, spec.action_dim) * 2 - 1
    quick = folded(model.adapt)(context)
    assert isinstance(quick, FoldedExpert)
    expected = rollout(model.adapt(context), obs, action)
    torch.testing.assert_close(rollout(quick, obs, action), expected, atol=1e-5, rtol=1e-5)


@torch.no_grad()
def test_an_expert_with_a_std_is_folded_to_its_mean_where_none_is_asked_for() -> None:
    torch.manual_seed(0)
    spec = SPECS[1]
    sizes = MLPSpec((spec.input_dim, 16, 8, spec.obs_dim))
    theta, std_theta = torch.randn(3, sizes.n_params), torch.randn(3, MLPSpec((8, spec.obs_dim)).n_params)
    model = Generated(spec)
    fit(model)
    expert = GaussianExpert(
        model.norm, Scaled(GeneratedGaussian(sizes, theta, std_theta), torch.rand(3, spec.obs_dim) + 1)
    )
    context, obs, action = Context.empty(3, spec), torch.randn(3, 4, spec.obs_dim), torch.rand(3, 4, 6, 2) * 2 - 1
    assert folded(lambda context: expert)(context) is expert
    quick = folded(lambda context: expert, with_std=False)(context)
    assert isinstance(quick, FoldedExpert)
    torch.testing.assert_close(rollout(quick, obs, action), rollout(expert, obs, action), atol=1e-4, rtol=1e-4)


def test_an_expert_of_another_kind_is_left_as_it_is() -> None:
    spec = SPECS[0]
    model = Generated(spec)
    expert = ChangeExpert(model.norm, lambda x: x[..., : spec.obs_dim])
    assert folded(lambda context: expert)(Context.empty(1, spec)) is expert
