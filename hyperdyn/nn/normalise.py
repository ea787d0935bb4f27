"""From physical units to a network's and back."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from hyperdyn.errors import ShapeError
from hyperdyn.types import StateSpec, Transitions

MIN_STD = 1e-6
"""An entry that varies less than this is constant: it is centred and left unscaled."""


class Normaliser(nn.Module):
    """Standardised inputs and standardised changes of the observation.

    x = ([features(s), a] - mu_x) / sigma_x,    y = (s' - s - mu_y) / sigma_y

    Fitted once, on the first training data, and saved with the model: data that arrive later are seen through the same
    numbers, so a warm model keeps its meaning.

    plain_runs, angle_runs: which entries of an observation are features as they are, and which are angles, as slices.
    """

    def __init__(self, spec: StateSpec) -> None:
        super().__init__()
        self.spec = spec
        dropped = set(spec.drop) | set(spec.angles)
        self.plain_runs = _runs([i for i in range(spec.obs_dim) if i not in dropped])
        self.angle_runs = _runs(spec.angles)
        self.input_mean: Tensor
        self.input_std: Tensor
        self.change_mean: Tensor
        self.change_std: Tensor
        self.fitted: Tensor
        self.register_buffer("input_mean", torch.zeros(spec.input_dim))
        self.register_buffer("input_std", torch.ones(spec.input_dim))
        self.register_buffer("change_mean", torch.zeros(spec.obs_dim))
        self.register_buffer("change_std", torch.ones(spec.obs_dim))
        self.register_buffer("fitted", torch.tensor(False))

    def features(self, obs: Tensor) -> Tensor:
        """obs [...,S] to features [...,D]: plain entries in order, then the sines, then the cosines of the angles."""
        return torch.cat(self._features(obs), dim=-1)

    def inputs(self, obs: Tensor, action: Tensor) -> Tensor:
        """obs [...,S] and action [...,A] to a network's input x [...,X]."""
        return (torch.cat([*self._features(obs), action], dim=-1) - self.input_mean) / self.input_std

    def _features(self, obs: Tensor) -> list[Tensor]:
        angles = [obs[..., run] for run in self.angle_runs]
        return [*(obs[..., run] for run in self.plain_runs), *(a.sin() for a in angles), *(a.cos() for a in angles)]

    def changes(self, obs: Tensor, next_obs: Tensor) -> Tensor:
        """obs, next_obs [...,S] to the normalised change y [...,S]."""
        return (next_obs - obs - self.change_mean) / self.change_std

    def advance(self, obs: Tensor, change: Tensor) -> Tensor:
        """obs [...,S] and normalised change y [...,S] to next_obs [...,S]; the inverse of `changes`."""
        return torch.addcmul(obs + self.change_mean, change, self.change_std)

    def pairs(self, history: Transitions) -> tuple[Tensor, Tensor]:
        """Transitions [...] to (x [...,X], y [...,S])."""
        return self.inputs(history.obs, history.action), self.changes(history.obs, history.next_obs)

    @torch.no_grad()
    def fit(self, chunks: Iterable[Transitions]) -> None:
        """Set mean and standard deviation from training transitions, given in chunks of any leading shape.

        Raises:
            ShapeError: no transitions, or values that are not finite.
        """
        inputs, changes = _Moments(), _Moments()
        for chunk in chunks:
            x = torch.cat([self.features(chunk.obs), chunk.action], dim=-1)
            inputs.add(x.reshape(-1, self.spec.input_dim))
            changes.add((chunk.next_obs - chunk.obs).reshape(-1, self.spec.obs_dim))
        for moments, mean, std in (
            (inputs, self.input_mean, self.input_std),
            (changes, self.change_mean, self.change_std),
        ):
            new_mean, new_std = moments.result()
            mean.copy_(new_mean)
            std.copy_(new_std)
        self.fitted.fill_(True)


def _runs(indices: Sequence[int]) -> list[slice]:
    """Indices, in order, as slices of consecutive ones: each a view, where a gather costs more than a layer."""
    runs: list[slice] = []
    for i in indices:
        if runs and runs[-1].stop == i:
            runs[-1] = slice(runs[-1].start, i + 1)
        else:
            runs.append(slice(i, i + 1))
    return runs


class _Moments:
    """Mean and standard deviation of rows that arrive in chunks, in float64, merged pairwise (Chan et al. 1982)."""

    def __init__(self) -> None:
        self.count = 0
        self.mean = torch.zeros(())
        self.sq = torch.zeros(())  # sum of squared deviations from the mean

    def add(self, rows: Tensor) -> None:
        n = rows.shape[0]
        if n == 0:
            return
        rows = rows.double()
        mean = rows.mean(0)
        shift = mean - self.mean
        total = self.count + n
        self.sq = self.sq + (rows - mean).square().sum(0) + shift.square() * (self.count * n / total)
        self.mean = self.mean + shift * (n / total)
        self.count = total

    def result(self) -> tuple[Tensor, Tensor]:
        if self.count == 0:
            raise ShapeError("cannot normalise: there are no transitions", fix="collect training data first")
        if not (torch.isfinite(self.mean).all() and torch.isfinite(self.sq).all()):
            bad = (~torch.isfinite(self.mean)).nonzero().flatten().tolist()
            raise ShapeError("cannot normalise: values are not finite", got=f"NaN or infinity in entries {bad}")
        std = (self.sq / self.count).sqrt()
        return self.mean, torch.where(std < MIN_STD, torch.ones_like(std), std)
