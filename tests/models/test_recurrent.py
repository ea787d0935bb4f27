"""The hidden state of the recurrent model."""

import pytest
import torch
from torch import Tensor

from hyperdyn.models.base import rollout
from hyperdyn.models.recurrent import Recurrent
from hyperdyn.types import Context, StateSpec, Transitions

SPEC = StateSpec(obs_dim=3, action_dim=1)
B, K, N, T = 3, 7, 4, 3


def history(k: int = K) -> Transitions:
    rng = torch.Generator().manual_seed(1)
    obs = torch.randn(B, k, 3, generator=rng)
    return Transitions(obs, torch.rand(B, k, 1, generator=rng), obs + 0.2 * torch.randn(B, k, 3, generator=rng))


@pytest.fixture
def model() -> Recurrent:
    torch.manual_seed(0)
    model = Recurrent(SPEC, hidden=[8], state_dim=6)
    model.norm.fit([history(200)])
    return model


def rows(model: Recurrent, given: Transitions) -> Tensor:
    return torch.cat(model.norm.pairs(given), dim=-1)  # [B,K,X+S]


def test_the_state_after_the_history_is_that_of_feeding_it_one_by_one(model):
    memory = torch.zeros(B, 6)
    for k, row in enumerate(rows(model, history()).unbind(1), start=1):
        memory = model.feed(row, memory)
        first = Context(history(), torch.arange(K).expand(B, K) < k)
        torch.testing.assert_close(model.read(first), memory)


def test_the_state_is_that_of_a_plain_gru_over_the_rows_that_are_not_masked(model):
    mask = torch.tensor([[1, 0, 1, 1, 0, 1, 0], [0, 0, 0, 0, 0, 0, 0], [1, 1, 1, 1, 1, 1, 1]], dtype=torch.bool)
    memory = model.read(Context(history(), mask))
    all_rows = rows(model, history())
    for b in range(B):
        kept = all_rows[b, mask[b]]
        last = model.gru(kept[None])[1][0, 0] if len(kept) else torch.zeros(6)
        torch.testing.assert_close(memory[b], last)


def test_without_history_the_state_is_zero(model):
    assert torch.equal(model.adapt(Context.empty(B, SPEC)).code, torch.zeros(B, 6))


def test_a_rollout_reads_each_of_its_own_predictions(model):
    given = Context(history(), torch.ones(B, K, dtype=torch.bool))
    expert = model.adapt(given)
    obs, action = torch.randn(B, N, 3), torch.rand(B, N, T, 1)
    predicted = rollout(expert, obs, action)
    for n in range(N):  # as if row n had happened: its predictions appended to the history
        path = torch.cat([obs[:, n, None], predicted[:, n]], dim=1)  # [B,T+1,S]
        for t in range(T):
            seen = Transitions(path[:, :t], action[:, n, :t], path[:, 1 : t + 1])
            longer = Transitions(*(torch.cat(p, 1) for p in zip(parts(history()), parts(seen), strict=True)))
            told = model.adapt(Context(longer, torch.ones(B, K + t, dtype=torch.bool)))
            step = told.step(told.start(path[:, t, None]), action[:, n, t, None])
            torch.testing.assert_close(step.next_obs[:, 0], predicted[:, n, t], atol=1e-5, rtol=1e-5)


def parts(t: Transitions) -> tuple[Tensor, Tensor, Tensor]:
    return t.obs, t.action, t.next_obs
