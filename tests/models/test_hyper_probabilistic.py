"""Laws of the generated expert that knows what it does not know."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from hyperdyn.errors import ConfigError
from hyperdyn.models.base import rollout_with_std
from hyperdyn.models.gaussian import GeneratedGaussian
from hyperdyn.models.hyper import Hyper
from hyperdyn.models.hyper_probabilistic import HyperProbabilistic, _misfit
from hyperdyn.nn.encoders.information import InformationEncoder
from hyperdyn.nn.encoders.mean_pool import MeanPoolEncoder
from hyperdyn.types import Context, Expert, StateSpec, Transitions

SPEC = StateSpec(obs_dim=3, action_dim=2)
B, K, N = 4, 12, 5
ENCODER = partial(InformationEncoder, latent_dim=4, hidden_dim=16, base_dim=8, mean_dim=4, mix_dim=5)


def transitions(*shape: int, seed: int, noise: float = 0.1) -> Transitions:
    """s' = s + tanh(s) + noise."""
    rng = torch.Generator().manual_seed(seed)
    obs, action, e = (torch.randn(*shape, n, generator=rng, dtype=torch.float64) for n in (3, 2, 3))
    return Transitions(obs, action, obs + obs.tanh() + noise * e)


def build(kind: type[Hyper] | type[HyperProbabilistic] = HyperProbabilistic, **options: object) -> nn.Module:
    torch.manual_seed(0)
    model = kind(SPEC, **{"encoder": ENCODER, "hidden": [16, 16], **options}).double()  # type: ignore[arg-type]
    model.norm.fit([transitions(200, seed=9)])
    return model


@pytest.fixture
def model() -> HyperProbabilistic:
    model = build()
    assert isinstance(model, HyperProbabilistic)
    return model


@pytest.fixture
def context() -> Context:
    return Context(transitions(B, K, seed=2), torch.ones(B, K, dtype=torch.bool))


def stds(expert: Expert, query: Transitions) -> Tensor:
    std = expert.step(expert.start(query.obs), query.action).std
    assert std is not None
    return std


def surprise(model: HyperProbabilistic, context: Context) -> Tensor:
    found = model.adapt(context).surprise
    assert found is not None
    return found


def test_the_mean_is_that_of_hyper(model: HyperProbabilistic, context: Context) -> None:
    plain = build(Hyper)
    assert isinstance(plain, Hyper)
    plain.encoder.load_state_dict(model.encoder.state_dict())
    plain.hypernetwork.load_state_dict(model.hypernetwork.mean.state_dict())
    query = transitions(B, N, 3, seed=3)
    ours, _ = rollout_with_std(model.adapt(context), query.obs[:, :, 0], query.action)
    theirs, _ = rollout_with_std(plain.adapt(context), query.obs[:, :, 0], query.action)
    torch.testing.assert_close(ours, theirs)


def test_likelihood_moves_nothing_that_the_mean_is_made_of(model: HyperProbabilistic, context: Context) -> None:
    expert = model.adapt(context)
    (stds(expert, transitions(B, N, seed=3)).log().sum()).backward()
    moved = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert moved == {n for n, _ in model.named_parameters() if n.startswith(("hypernetwork.std.", "log_"))}


def test_the_contexts_own_likelihood_trains_the_std_alone_and_its_misfit_nothing(
    model: HyperProbabilistic, context: Context
) -> None:
    x, y = model.norm.pairs(context.history)
    theta, std_theta = (t.detach().requires_grad_() for t in model.hypernetwork(model.encoder(x, y, context.mask)))
    chi_square, likelihood = _misfit(GeneratedGaussian(model.expert_spec, theta, std_theta), x, y, context.mask)
    assert not chi_square.requires_grad
    of_mean, of_std = torch.autograd.grad(likelihood.sum(), (theta, std_theta), allow_unused=True)
    assert of_mean is None or not of_mean.any()
    assert of_std.any()


@torch.no_grad()
def test_the_scale_is_the_posterior_mean_of_a_variance(model: HyperProbabilistic) -> None:
    """Worth nu around rho, itself worth mu around 1, and K transitions that say chi2_s; c_K is 1 before training."""
    (nu, mu), K = (3.0, 7.0), 5.0
    model.log_worth.data = torch.tensor([nu, mu]).double().log()
    chi_square = torch.tensor([[0.5, 2.0, 6.5]]).double()
    rho = (mu + K * 3.0) / (mu + K)
    expected = ((nu * rho + K * chi_square) / (nu + K)).sqrt()
    torch.testing.assert_close(model.scale(chi_square, torch.tensor([K]).double()), expected)


def test_a_corrupted_context_surprises_and_widens_every_interval(model: HyperProbabilistic, context: Context) -> None:
    query, found, spread = transitions(B, N, seed=3), [], []
    rng = torch.Generator().manual_seed(5)
    e = torch.randn(B, K, 3, generator=rng, dtype=torch.float64)
    for size in (0.0, 5.0, 50.0, 500.0):
        history = replace(context.history, next_obs=context.history.next_obs + size * e)
        spoilt = replace(context, history=history)
        found.append(surprise(model, spoilt))
        spread.append(stds(model.adapt(spoilt), query).log().mean((1, 2)))
    assert (torch.stack(found).diff(dim=0) > 0).all()
    assert (torch.stack(spread).diff(dim=0) > 0).all()


@torch.no_grad()
def test_the_scale_is_monotone_in_the_misfit_and_grows_as_its_root_at_last(model: HyperProbabilistic) -> None:
    chi_square = torch.logspace(-3, 6, 40, dtype=torch.float64)[:, None].expand(-1, 3)
    for k in (1, 5, 64):
        scale = model.scale(chi_square, torch.full((40,), float(k), dtype=torch.float64))
        assert (scale.diff(dim=0) > 0).all()
        assert scale[-1, 0] / model.scale(chi_square[-1:] * 100, torch.tensor([float(k)]).double())[0, 0] == (
            pytest.approx(0.1, rel=1e-3)
        )
    larger = chi_square.clone()
    larger[:, 0] *= 2
    of_sixteen = torch.full((40,), 16.0, dtype=torch.float64)
    more, less = model.scale(larger, of_sixteen), model.scale(chi_square, of_sixteen)
    assert (more > less).all()
    assert (more[:, 0] / less[:, 0] > more[:, 1] / less[:, 1]).all()


def test_a_misfit_of_one_changes_nothing_and_so_does_no_context(model: HyperProbabilistic) -> None:
    one = torch.ones(3, 3, dtype=torch.float64)
    torch.testing.assert_close(model.scale(one, torch.tensor([0.0, 3.0, 70.0], dtype=torch.float64)), one)
    assert (surprise(model, Context.empty(B, SPEC)) == 1).all()
    assert (surprise(model.eval(), Context.empty(B, SPEC)) == 1).all()


def test_the_misfit_is_one_where_residuals_are_as_the_expert_says(
    model: HyperProbabilistic, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outcomes drawn from the expert's own Gaussian, of a theta that no outcome moves."""
    fixed = model.encoder(*model.norm.pairs(context.history), context.mask)
    wide = Context(transitions(B, 4000, seed=4), torch.ones(B, 4000, dtype=torch.bool))
    monkeypatch.setattr(InformationEncoder, "forward", lambda *_: fixed)
    model.log_worth.data.fill_(30.0)  # so that the std is d itself
    expert = model.adapt(wide)
    step = expert.step(wide.history.obs, wide.history.action)
    assert step.std is not None
    rng = torch.Generator().manual_seed(6)
    drawn = step.next_obs + step.std * torch.randn(B, 4000, 3, generator=rng, dtype=torch.float64)
    found = surprise(model.eval(), replace(wide, history=replace(wide.history, next_obs=drawn.detach())))
    torch.testing.assert_close(found, torch.ones_like(found), atol=0.05, rtol=0)


def test_units_scale_the_std_and_not_the_surprise(model: HyperProbabilistic, context: Context) -> None:
    units = torch.tensor([1e-2, 3.0, 40.0], dtype=torch.float64)
    query = transitions(B, N, seed=3)
    std, told = stds(model.eval().adapt(context), query), surprise(model, context)

    def scaled(t: Transitions) -> Transitions:
        return Transitions(t.obs * units, t.action, t.next_obs * units)

    model.norm.fit([scaled(transitions(200, seed=9))])
    moved = replace(context, history=scaled(context.history))
    torch.testing.assert_close(stds(model.adapt(moved), scaled(query)), std * units)
    torch.testing.assert_close(surprise(model, moved), told)
    assert (std > 0).all()


def test_any_encoder_will_do_and_a_hidden_layer_must_be(context: Context) -> None:
    model = build(encoder=partial(MeanPoolEncoder, code_dim=5, hidden_dim=8))
    assert isinstance(model, HyperProbabilistic)
    assert surprise(model, context).shape == (B,)
    with pytest.raises(ConfigError, match="hidden layer"):
        build(hidden=[])
