"""What is exported, as modules of tensors in and tensors out."""

from __future__ import annotations

from typing import final

import torch
from torch import Tensor, nn

from hyperdyn.deploy.plain import PlainExpert
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.nn.mlp import mlp
from hyperdyn.nn.normalise import Normaliser
from hyperdyn.types import Context, Transitions

Tensors = tuple[Tensor, ...]
NOISE = 0.3
"""Of a sampled history, in standard deviations of a change: as far as unlike systems are apart."""


@final
class ExpertModule(nn.Module):
    """One system's expert: obs [N,S], action [N,A] to next_obs [N,S]."""

    inputs = ("obs", "action")

    def __init__(self, expert: PlainExpert) -> None:
        super().__init__()
        self.norm = Normaliser(expert.spec)
        self.net = mlp([len(expert.layers[0][0]), *(len(bias) for _, bias in expert.layers)], expert.activation)
        with torch.no_grad():
            for name, value in expert.normaliser.items():
                getattr(self.norm, name).copy_(torch.from_numpy(value))
            for linear, (weight, bias) in zip(list(self.net)[::2], expert.layers, strict=True):
                assert isinstance(linear, nn.Linear)
                linear.weight.copy_(torch.from_numpy(weight).T)
                linear.bias.copy_(torch.from_numpy(bias))
        self.requires_grad_(False).eval()

    def forward(self, obs: Tensor, action: Tensor) -> Tensor:
        return self.norm.advance(obs, self.net(self.norm.inputs(obs, action)))


@final
class AdaptThenPredict(nn.Module):
    """A whole method: a context of K transitions to an expert, and one step of it for N rows.

    history_obs, history_next_obs [B,K,S], history_action [B,K,A], mask [B,K] bool, obs [B,N,S], action [B,N,A] to
    next_obs [B,N,S], and its std [B,N,S] where the method gives one. Rows of the history whose mask is False are as if
    they were not there; K = 0 is one such row.
    """

    inputs = ("history_obs", "history_action", "history_next_obs", "mask", "obs", "action")

    def __init__(self, model: AbstractDynamics) -> None:
        super().__init__()
        self.model = model

    def forward(
        self,
        history_obs: Tensor,
        history_action: Tensor,
        history_next_obs: Tensor,
        mask: Tensor,
        obs: Tensor,
        action: Tensor,
    ) -> Tensor | Tensors:
        expert = self.model.adapt(Context(Transitions(history_obs, history_action, history_next_obs), mask))
        step = expert.step(expert.start(obs), action)
        return step.next_obs if step.std is None else (step.next_obs, step.std)


def rows(norm: Normaliser, generator: torch.Generator, *shape: int) -> Tensors:
    """obs and action [...] such as training met."""
    spec = norm.spec
    obs = torch.randn(*shape, spec.obs_dim, generator=generator)
    for angles in norm.angle_runs:
        obs[..., angles] = torch.pi * (2 * torch.rand(obs[..., angles].shape, generator=generator) - 1)
    plain = list(spec.plain)
    mean, std = norm.input_mean[: len(plain)], norm.input_std[: len(plain)]
    obs[..., plain] = mean + std * obs[..., plain]
    return obs, 2 * torch.rand(*shape, spec.action_dim, generator=generator) - 1


def expert_inputs(norm: Normaliser, N: int) -> Tensors:
    return rows(norm, torch.Generator().manual_seed(N), N)


@torch.no_grad()
def model_inputs(model: AbstractDynamics, B: int, K: int, N: int, known: float = 0.8) -> Tensors:
    """Inputs of `AdaptThenPredict`, with a history that a system might have: the prior's predictions, and noise.

    known: share of the history that the mask lets through.
    """
    generator = torch.Generator().manual_seed(B * 10_000 + K * 100 + N)
    obs, action = rows(model.norm, generator, B, K)
    prior = model.adapt(Context.empty(B, model.spec))
    next_obs = prior.step(prior.start(obs), action).next_obs
    next_obs = next_obs + model.norm.spread(
        obs, NOISE * torch.randn(*obs.shape[:-1], model.spec.change_dim, generator=generator)
    )
    mask = torch.rand(B, K, generator=generator) < known
    return obs, action, next_obs, mask, *rows(model.norm, generator, B, N)
