"""Laws of the ensemble of generated experts."""

from functools import partial

import pytest
import torch
from torch import Tensor

from hyperdyn.errors import ConfigError
from hyperdyn.models.gaussian import GaussianExpert, GeneratedGaussian
from hyperdyn.models.hyper_ensemble import HyperEnsemble
from hyperdyn.nn.encoders.information import InformationEncoder
from hyperdyn.types import Context, Expert, StateSpec, Transitions

SPEC = StateSpec(obs_dim=3, action_dim=2)
B, K, N, M = 2, 6, 4, 3
ENCODER = partial(InformationEncoder, latent_dim=4, hidden_dim=16, base_dim=8, mean_dim=4, mix_dim=5)


def transitions(*shape: int, seed: int) -> Transitions:
    rng = torch.Generator().manual_seed(seed)
    obs, action, e = (torch.randn(*shape, n, generator=rng, dtype=torch.float64) for n in (3, 2, 3))
    return Transitions(obs, action, obs + 0.3 * e)


@pytest.fixture
def model() -> HyperEnsemble:
    torch.manual_seed(0)
    model = HyperEnsemble(SPEC, ENCODER, hidden=[8, 8], members=M).double().eval()
    model.norm.fit([transitions(100, seed=9)])
    return model


@pytest.fixture
def context() -> Context:
    return Context(transitions(B, K, seed=2), torch.arange(K).expand(B, -1) < 5)


def one_step(expert: Expert) -> tuple[Tensor, Tensor]:
    query = transitions(B, N, seed=3)
    step = expert.step(expert.start(query.obs), query.action)
    assert step.std is not None
    return step.next_obs, step.std


def member(model: HyperEnsemble, m: int, context: Context) -> tuple[Tensor, Tensor]:
    """Mean and std of one member by itself."""
    encoding = model.encoders[m](*model.norm.pairs(context.history), context.mask)
    net = GeneratedGaussian(model.expert_spec, *model.hypernetworks[m](encoding))
    return one_step(GaussianExpert(model.norm, net))


def test_mean_and_std_are_those_of_the_mixture_of_its_members(model: HyperEnsemble, context: Context) -> None:
    means, stds = (torch.stack(v) for v in zip(*(member(model, m, context) for m in range(M)), strict=True))
    mean, std = one_step(model.adapt(context))
    torch.testing.assert_close(mean, means.mean(0))
    torch.testing.assert_close(std, (stds.square().mean(0) + means.var(0, correction=0)).sqrt())


def test_equal_members_have_the_members_std_and_nothing_to_disagree_on(model: HyperEnsemble, context: Context) -> None:
    assert (model.adapt(context).surprise > 1).all()  # type: ignore[operator]
    for parts in (model.encoders, model.hypernetworks):
        for part in parts[1:]:
            part.load_state_dict(parts[0].state_dict())
    for ours, its in zip(one_step(model.adapt(context)), member(model, 1, context), strict=True):
        torch.testing.assert_close(ours, its)
    torch.testing.assert_close(model.adapt(context).surprise, torch.ones(B, dtype=torch.float64))


def test_members_share_no_weight(model: HyperEnsemble, context: Context) -> None:
    before = [member(model, m, context)[0] for m in range(M)]
    with torch.no_grad():
        for part in (model.encoders[1], model.hypernetworks[1]):
            for parameter in part.parameters():
                parameter.mul_(1.5)
    same = [torch.equal(a, member(model, m, context)[0]) for m, a in enumerate(before)]
    assert same == [True, False, True]


def test_without_context_nothing_surprises(model: HyperEnsemble) -> None:
    assert (model.adapt(Context.empty(B, SPEC)).surprise == 1).all()  # type: ignore[union-attr]


def test_an_ensemble_of_nobody_is_refused() -> None:
    with pytest.raises(ConfigError, match="nobody"):
        HyperEnsemble(SPEC, ENCODER, members=0)
