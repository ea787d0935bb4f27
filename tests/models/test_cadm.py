"""Laws of the context-aware dynamics model."""

from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from hyperdyn.errors import ConfigError
from hyperdyn.models.base import rollout_with_std
from hyperdyn.models.cadm import CaDM
from hyperdyn.models.gaussian import bounded_std
from hyperdyn.nn.encoders.flat import FlatEncoder
from hyperdyn.nn.mlp import mlp
from hyperdyn.types import Context, StateSpec, Transitions

SPEC = StateSpec(obs_dim=3, action_dim=2, angles=(1,))
B, K, N, M, Z = 2, 6, 4, 3, 5


def transitions(*shape: int, seed: int) -> Transitions:
    rng = torch.Generator().manual_seed(seed)
    obs, action, change = (torch.randn(*shape, n, generator=rng, dtype=torch.float64) for n in (3, 2, 3))
    return Transitions(obs, action, obs + change)


@pytest.fixture
def model() -> CaDM:
    torch.manual_seed(0)
    encoder = partial(FlatEncoder, code_dim=Z, history=4, hidden=[8])
    model = CaDM(SPEC, encoder, hidden=[7, 6], members=M, backward_weight=0.5).double()
    model.norm.fit([transitions(50, seed=1)])
    return model


@pytest.fixture
def context() -> Context:
    return Context(transitions(B, K, seed=2), torch.ones(B, K, dtype=torch.bool))


def plain_member(model: CaDM, m: int, last: Tensor) -> nn.Sequential:
    net = mlp(model.executed_sizes).double()
    nn.utils.vector_to_parameters(torch.cat([model.trunk[m], last[m]]).detach(), net.parameters())
    return net


def test_the_code_is_of_the_last_changes_and_actions(model: CaDM, context: Context) -> None:
    code = model.adapt(context).code
    assert code is not None
    x, y = model.norm.pairs(context.history)
    flat = torch.cat([x[..., -2:], y], dim=-1)[:, -4:].flatten(1)
    assert isinstance(model.encoder, FlatEncoder)
    torch.testing.assert_close(code, model.encoder.net(flat))


def test_members_are_plain_networks_on_state_action_and_code(model: CaDM, context: Context) -> None:
    expert, query = model.eval().adapt(context), transitions(B, N, seed=3)
    assert expert.code is not None
    mean, std = rollout_with_std(expert, query.obs, query.action.unsqueeze(2))
    assert std is not None
    x = torch.cat([model.norm.inputs(query.obs, query.action), expert.code.unsqueeze(1).expand(-1, N, -1)], dim=-1)
    means = torch.stack([plain_member(model, m, model.mean_head)(x) for m in range(M)])
    stds = torch.stack([bounded_std(plain_member(model, m, model.std_head)(x)) for m in range(M)])
    torch.testing.assert_close(mean[:, :, 0], model.norm.advance(query.obs, means.mean(0)))
    spread = (stds.square().mean(0) + means.var(0, correction=0)).sqrt() * model.norm.change_std
    torch.testing.assert_close(std[:, :, 0], spread)


def test_the_backward_network_undoes_every_other_transition_from_a_code_of_the_others(
    model: CaDM, context: Context
) -> None:
    aux_loss = model.adapt(context).aux_loss
    assert aux_loss is not None
    x, y = model.norm.pairs(context.history)
    others = torch.arange(K) % 2 == 1
    code = model.encoder(x[:, others, -2:], y[:, others], context.mask[:, others]).code
    for b in range(B):
        errors = []
        for k in range(0, K, 2):
            after = model.norm.inputs(context.history.next_obs[b, k], context.history.action[b, k])
            undone = model.backward_net(torch.cat([after, code[b]]))
            true = (context.history.obs[b, k] - context.history.next_obs[b, k] + model.norm.change_mean) / (
                model.norm.change_std
            )
            errors.append((undone - true).square().mean())
        torch.testing.assert_close(aux_loss[b], 0.5 * torch.stack(errors).mean())


def test_masked_transitions_are_not_undone(model: CaDM, context: Context) -> None:
    short = Transitions(*(v[:, :4] for v in (context.history.obs, context.history.action, context.history.next_obs)))
    masked = replace(context, mask=torch.arange(K).expand(B, -1) < 4)
    expected = model.adapt(Context(short, context.mask[:, :4])).aux_loss
    torch.testing.assert_close(model.adapt(masked).aux_loss, expected)
    nothing = model.adapt(Context.empty(B, SPEC)).aux_loss
    assert nothing is not None
    assert (nothing == 0).all()


def test_the_std_trains_its_own_layer_alone(model: CaDM, context: Context) -> None:
    query = transitions(B, N, seed=3)
    _, std = rollout_with_std(model.adapt(context), query.obs, query.action.unsqueeze(2))
    assert std is not None
    std.sum().backward()
    moved = {name for name, p in model.named_parameters() if p.grad is not None and p.grad.abs().sum() > 0}
    assert moved == {"std_head"}


def test_a_bounded_std_grows_with_its_input_within_bounds() -> None:
    raw = torch.linspace(-50, 50, 101)
    std = bounded_std(raw)
    assert (std.diff() >= 0).all()
    assert 1e-3 < std.min() < 1e-2
    assert 10 < std.max() < 100
    torch.testing.assert_close(
        bounded_std(torch.tensor([-2.0, -1.0])), torch.tensor([-2.0, -1.0]).exp(), rtol=0.01, atol=0
    )


@pytest.mark.parametrize("options", [{"hidden": []}, {"members": 0}, {"backward_weight": -1.0}])
def test_impossible_options_are_refused(options: dict[str, object]) -> None:
    with pytest.raises(ConfigError, match="cadm"):
        CaDM(SPEC, partial(FlatEncoder, code_dim=Z), **options)  # type: ignore[arg-type]
