"""An expert made quick to step: the normalisation folded into its network's first and last layer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import torch
from torch import Tensor, nn

from hyperdyn.models.base import ChangeExpert
from hyperdyn.models.gaussian import GaussianExpert, GeneratedGaussian, Scaled
from hyperdyn.nn.mlp import ACTIVATIONS, GeneratedMLP
from hyperdyn.nn.normalise import Normaliser
from hyperdyn.nn.shared import Layer, SharedMLP, shared_layers
from hyperdyn.types import Context, Expert, Step


def folded(adapt: Callable[[Context], Expert], with_std: bool = True) -> Callable[[Context], Expert]:
    """`adapt` for planning: the same predictions in fewer operations; experts of other kinds are left as they are.

    A planner steps an expert hundreds of times for each time it is adapted, and half of a step of a small network is
    arithmetic around it.

    with_std: keep what an expert says of its uncertainty; without, one that gives a std is folded to its mean.
    """

    def fold(context: Context) -> Expert:
        expert = adapt(context)
        if isinstance(expert, ChangeExpert) or (isinstance(expert, GaussianExpert) and not with_std):
            layers, spec = network_layers(expert.net), expert.norm.spec
            if layers is not None and spec.frame is None and not spec.constant:
                return FoldedExpert(expert.norm, *layers)
        return expert

    return fold


@final
class FoldedExpert(Expert):
    """s' = s + g([s, sin, cos, a]), where g is f with x's scaling in its first layer and y's in its last.

    Entries of s that f does not look at meet zero weights.
    """

    def __init__(self, norm: Normaliser, layers: list[Layer], activation: Callable[[Tensor], Tensor]) -> None:
        self.action_dim = norm.spec.action_dim
        self._angles = norm.angle_runs
        self._net = SharedMLP(_fold(norm, layers), activation)

    def start(self, obs: Tensor) -> Tensor:
        return obs

    def step(self, state: Tensor, action: Tensor) -> Step:
        angles = [state[..., run] for run in self._angles]
        x = torch.cat([state, *(a.sin() for a in angles), *(a.cos() for a in angles), action], dim=-1)
        next_obs = state + self._net(x)
        return Step(next_obs, next_obs)


def network_layers(net: Callable[[Tensor], Any]) -> tuple[list[Layer], Callable[[Tensor], Tensor]] | None:
    """Weights and activation of a plain network, of the mean's where it gives a std as well; None of any other."""
    if isinstance(net, (GeneratedGaussian, Scaled)):
        net = net.mean
    if isinstance(net, GeneratedMLP):
        return net.layers, ACTIVATIONS[net.spec.activation]
    if isinstance(net, SharedMLP):
        return net.layers, net.activation
    if not isinstance(net, nn.Sequential):
        return None
    modules = list(net)
    linear = [m for m in modules[::2] if isinstance(m, nn.Linear)]
    if len(linear) < len(modules[::2]) or len({repr(m) for m in modules[1::2]}) > 1:
        return None
    return shared_layers(net), modules[1] if modules[1:] else nn.Identity()


def _fold(norm: Normaliser, layers: list[Layer]) -> list[Layer]:
    weight, bias = layers[0]
    bias = bias - ((norm.input_mean / norm.input_std) @ weight)[:, None]
    weight = weight / norm.input_std[:, None]
    plain = torch.tensor(norm.spec.plain, device=weight.device).long()
    seen, rest = weight.split([len(plain), weight.shape[1] - len(plain)], dim=1)
    whole = weight.new_zeros(weight.shape[0], norm.spec.obs_dim, weight.shape[2]).index_copy(1, plain, seen)
    layers = [(torch.cat([whole, rest], dim=1), bias), *layers[1:]]
    weight, bias = layers[-1]
    layers[-1] = (weight * norm.change_std, bias * norm.change_std + norm.change_mean)
    return layers
