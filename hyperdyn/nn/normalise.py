"""From physical units to a network's and back."""

from __future__ import annotations

import math
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

    Where the spec names the frame of an object, both are seen from there: with R the rotation by its heading psi,

        y = (R' (s' - s) - mu_y) / sigma_y  on its position,    a direction pi a becomes sin and cos of pi a - psi

    and its position has one sigma_y for both axes, so that an error weighs as much whichever way it points.

    plain_runs, angle_runs: which entries of an observation are features as they are, and which are angles, as slices.
    """

    def __init__(self, spec: StateSpec) -> None:
        super().__init__()
        self.spec = spec
        frame = spec.frame
        self.plain_runs = _runs(spec.plain)
        self.angle_runs = _runs(spec.angles)
        self._changing = _runs(spec.changing)
        directions = () if frame is None else frame.directions
        self._direction_runs = _runs(directions)
        self._command_runs = _runs([i for i in range(spec.action_dim) if i not in directions])
        self._position = () if frame is None else tuple(spec.changing.index(i) for i in frame.position)
        self.input_mean: Tensor
        self.input_std: Tensor
        self.change_mean: Tensor
        self.change_std: Tensor
        self.fitted: Tensor
        self.register_buffer("input_mean", torch.zeros(spec.input_dim))
        self.register_buffer("input_std", torch.ones(spec.input_dim))
        self.register_buffer("change_mean", torch.zeros(spec.change_dim))
        self.register_buffer("change_std", torch.ones(spec.change_dim))
        self.register_buffer("fitted", torch.tensor(False))

    def features(self, obs: Tensor) -> Tensor:
        """obs [...,S] to features [...,D]: plain entries in order, then the sines, then the cosines of the angles."""
        return torch.cat(self._features(obs), dim=-1)

    def inputs(self, obs: Tensor, action: Tensor) -> Tensor:
        """obs [...,S] and action [...,A] to a network's input x [...,X]."""
        return (self._raw_inputs(obs, action) - self.input_mean) / self.input_std

    def input_names(self, entries: Sequence[str]) -> list[str]:
        """What the X entries of an input are, given the names of the S entries of an observation."""
        angles, frame = [entries[i] for i in self.spec.angles], self.spec.frame
        directions = [] if frame is None else [f"action {i}" for i in frame.directions]
        commands = [name for i in range(self.spec.action_dim) if (name := f"action {i}") not in directions]
        plain = [entries[i] for i in self.spec.plain]
        return [*plain, *_sin_cos(angles), *commands, *_sin_cos(directions)]

    def _raw_inputs(self, obs: Tensor, action: Tensor) -> Tensor:
        return torch.cat([*self._features(obs), *self._commands(obs, action)], dim=-1)

    def _features(self, obs: Tensor) -> list[Tensor]:
        angles = [obs[..., run] for run in self.angle_runs]
        return [*(obs[..., run] for run in self.plain_runs), *(a.sin() for a in angles), *(a.cos() for a in angles)]

    def _commands(self, obs: Tensor, action: Tensor) -> list[Tensor]:
        frame = self.spec.frame
        if frame is None or not frame.directions:
            return [action]
        heading = obs[..., frame.heading, None]
        turns = [math.pi * action[..., run] - heading for run in self._direction_runs]
        return [*(action[..., run] for run in self._command_runs), *(t.sin() for t in turns), *(t.cos() for t in turns)]

    def changes(self, obs: Tensor, next_obs: Tensor) -> Tensor:
        """obs, next_obs [...,S] to the normalised change y [...,Y]."""
        return (self._raw_changes(obs, next_obs) - self.change_mean) / self.change_std

    def advance(self, obs: Tensor, change: Tensor) -> Tensor:
        """obs [...,S] and normalised change y [...,Y] to next_obs [...,S]; the inverse of `changes`."""
        if self._as_it_is:
            return torch.addcmul(obs + self.change_mean, change, self.change_std)
        own = self.change_mean + change * self.change_std
        return obs + self._whole(self._turned(own, obs, 1))

    def spread(self, obs: Tensor, std: Tensor) -> Tensor:
        """Normalised standard deviations [...,Y] of a change from obs [...,S] to those of next_obs [...,S].

        Of a position seen in its own frame, those along the axes of the world; what they share is not kept.
        """
        std = std * self.change_std
        if self._as_it_is:
            return std
        if self._position:
            x, y = self._position
            sin, cos = self._sin_cos(obs)
            columns, (a, b) = list(std.unbind(-1)), (std[..., x], std[..., y])
            columns[x], columns[y] = torch.hypot(cos * a, sin * b), torch.hypot(sin * a, cos * b)
            std = torch.stack(columns, dim=-1)
        return self._whole(std)

    def relative(self, difference: Tensor) -> Tensor:
        """A difference of two observations, or its standard deviation, [...,S] to [...,Y] in units of sigma_y."""
        if self.spec.constant:
            difference = torch.cat([difference[..., run] for run in self._changing], dim=-1)
        return difference / self.change_std

    @property
    def _as_it_is(self) -> bool:
        return not self.spec.constant and not self._position

    def _raw_changes(self, obs: Tensor, next_obs: Tensor) -> Tensor:
        change = next_obs - obs
        if self._as_it_is:
            return change
        return self._turned(torch.cat([change[..., run] for run in self._changing], dim=-1), obs, -1)

    def _turned(self, change: Tensor, obs: Tensor, sign: int) -> Tensor:
        """The change [...,Y] with its position turned by the heading, out of the object's frame (1) or into it (-1)."""
        if not self._position:
            return change
        x, y = self._position
        sin, cos = self._sin_cos(obs)
        columns, (a, b) = list(change.unbind(-1)), (change[..., x], change[..., y])
        columns[x], columns[y] = cos * a - sign * sin * b, sign * sin * a + cos * b
        return torch.stack(columns, dim=-1)

    def _sin_cos(self, obs: Tensor) -> tuple[Tensor, Tensor]:
        assert self.spec.frame is not None
        heading = obs[..., self.spec.frame.heading]
        return heading.sin(), heading.cos()

    def _whole(self, values: Tensor) -> Tensor:
        """[...,Y] to [...,S], zero in the constant entries."""
        if not self.spec.constant:
            return values
        zero, at = torch.zeros_like(values[..., 0]), {entry: i for i, entry in enumerate(self.spec.changing)}
        return torch.stack([values[..., at[i]] if i in at else zero for i in range(self.spec.obs_dim)], dim=-1)

    def pairs(self, history: Transitions) -> tuple[Tensor, Tensor]:
        """Transitions [...] to (x [...,X], y [...,Y])."""
        return self.inputs(history.obs, history.action), self.changes(history.obs, history.next_obs)

    @torch.no_grad()
    def fit(self, chunks: Iterable[Transitions]) -> None:
        """Set mean and standard deviation from training transitions, given in chunks of any leading shape.

        Raises:
            ShapeError: no transitions, or values that are not finite.
        """
        inputs, changes = _Moments(), _Moments()
        for chunk in chunks:
            inputs.add(self._raw_inputs(chunk.obs, chunk.action).reshape(-1, self.spec.input_dim))
            changes.add(self._raw_changes(chunk.obs, chunk.next_obs).reshape(-1, self.spec.change_dim))
        for moments, mean, std in (
            (inputs, self.input_mean, self.input_std),
            (changes, self.change_mean, self.change_std),
        ):
            new_mean, new_std = moments.result()
            mean.copy_(new_mean)
            std.copy_(new_std)
        if self._position:
            along = list(self._position)
            self.change_std[along] = self.change_std[along].square().mean().sqrt()
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


def _sin_cos(names: Sequence[str]) -> list[str]:
    return [f"{function} {name}" for function in ("sin", "cos") for name in names]


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
