"""A convolutional network from a picture of an object and an action to how each pixel moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional

from hyperdyn.errors import ConfigError
from hyperdyn.nn.vision.topdown import CHANNELS, TopDown


@dataclass(frozen=True)
class FlowSize:
    """How large the layers are. Of pictures of n x n pixels, the first have n/2 x n/2 squares, the rest n/4 x n/4.

    channels: of the two.
    hidden: units of the layer that sees the whole picture at once.
    """

    channels: tuple[int, int]
    hidden: int

    @classmethod
    def of(cls, cells: int, channels: Sequence[int], hidden: int) -> FlowSize:
        """From plain containers.

        Raises:
            ConfigError: sizes that make no network.
        """
        if cells < 8 or cells % 4:
            raise ConfigError("cells of a picture", got=cells, expected="a multiple of 4, 8 or more", fix="cells=32")
        if len(channels) != 2 or min(*channels, hidden) < 1:
            expected = "two numbers of channels, 1 or more, and hidden 1 or more"
            raise ConfigError("layers of a flow network", got=f"{list(channels)}, {hidden}", expected=expected)
        return cls((channels[0], channels[1]), hidden)

    def units(self, cells: int, input_dim: int) -> tuple[int, ...]:
        """Units of its layers, from picture and action to the motion of n/4 x n/4 squares."""
        wide, deep = self.channels
        coarse = (cells // 4) ** 2
        return (CHANNELS * cells**2 + input_dim, wide * 4 * coarse, deep * coarse, self.hidden, 2 * coarse)


@final
class Glance(nn.Module):
    """Pictures [M,5,n,n] to features [M,C,n/2,n/2] that hold for every action: computed once for many of them."""

    def __init__(self, size: FlowSize) -> None:
        super().__init__()
        wide = size.channels[0]
        self.net = nn.Sequential(
            nn.Conv2d(CHANNELS, wide, 4, 2, 1), nn.SiLU(), nn.Conv2d(wide, wide, 3, padding=1), nn.SiLU()
        )

    def forward(self, picture: Tensor) -> Tensor:
        return self.net(picture)


@final
class Encounter(nn.Module):
    """What comes of an action upon a picture: features of each square, and of all of it.

    The action's directions enter as maps of how far each square lies along and beside them, the rest of it as a bias.

    lens: what the pictures are.
    input_dim, directions: X, and how many entries of an action are directions.
    given: further channels, of n/4 x n/4 squares, that the features of an action depend on.
    observed: further channels, of n/2 x n/2 squares, of what is known to have happened.
    """

    def __init__(
        self, lens: TopDown, size: FlowSize, input_dim: int, directions: int, given: int = 0, observed: int = 0
    ) -> None:
        super().__init__()
        wide, deep = size.channels
        self.lens = lens
        self.glanced = nn.Conv2d(wide, wide, 1)
        self.told = nn.Linear(input_dim, wide, bias=False)
        self.maps = nn.Conv2d(2 + 2 * directions, wide, 1, bias=False)
        self.seen = nn.Conv2d(observed, wide, 1, bias=False) if observed else None
        self.given = nn.Conv2d(given, deep, 1, bias=False) if given else None
        self.down = nn.Conv2d(wide, deep, 4, 2, 1)
        self.gather = nn.Linear(deep * (lens.cells // 4) ** 2, size.hidden)
        self.scatter = nn.Linear(size.hidden, deep)
        self.mix = nn.Conv2d(deep, deep, 3, padding=1)

    def forward(
        self,
        glance: Tensor,
        x: Tensor,
        direction: Tensor,
        given: Tensor | None = None,
        observed: Tensor | None = None,
    ) -> tuple[Tensor, Tensor]:
        """Features [B,N,C',n/4,n/4] and [B,N,hidden].

        glance: [B,1 or N,C,n/2,n/2]. x: [B,N,X]. direction: [B,N,D,2] cosine and sine in the object's frame.
        given: [B,1 or N,.,n/4,n/4]. observed: [B,N,.,n/2,n/2].
        """
        B, N, _ = x.shape
        h = (
            _each(self.glanced, glance)
            + self.told(x)[..., None, None]
            + _each(self.maps, direction_maps(self.lens, direction.to(x)))
        )
        if self.seen is not None and observed is not None:
            h = h + _each(self.seen, observed)
        h = _each(self.down, functional.silu(h))
        if self.given is not None and given is not None:
            h = h + _each(self.given, given)
        h = functional.silu(h)  # [B,N,C',n/4,n/4]
        whole = functional.silu(self.gather(h.flatten(2)))  # [B,N,hidden]
        h = functional.silu(_each(self.mix, h) + self.scatter(whole)[..., None, None])
        return h.view(B, N, *h.shape[2:]), whole


@final
class FlowHead(nn.Module):
    """Features of an `Encounter` to maps [B,N,outputs,n,n], of which what is linear in place keeps its form."""

    def __init__(self, lens: TopDown, size: FlowSize, outputs: int) -> None:
        super().__init__()
        self.cells = lens.cells
        coarse = lens.cells // 4
        self.local = nn.Conv2d(size.channels[1], outputs, 3, padding=1)
        self.whole = nn.Linear(size.hidden, outputs * coarse**2)

    def forward(self, local: Tensor, whole: Tensor) -> Tensor:
        B, N, _ = whole.shape
        coarse = self.local(local.flatten(0, 1))
        coarse = coarse + self.whole(whole).view_as(coarse)
        fine = functional.interpolate(coarse, size=(self.cells, self.cells), mode="bilinear", align_corners=False)
        return fine.view(B, N, *fine.shape[1:])


def direction_maps(lens: TopDown, direction: Tensor) -> Tensor:
    """[B,N,2+2D,n/2,n/2]: where squares lie along x and y, then along and then to the left of directions [B,N,D,2].

    The edge of the picture is 2.
    """
    x, y = lens.centres(lens.cells // 2, direction) * (2 / lens.size)
    cos, sin = (direction[..., i, None, None] for i in (0, 1))  # [B,N,D,1,1]
    own = torch.stack([x, y]).expand(*direction.shape[:2], -1, -1, -1)
    return torch.cat([own, cos * x + sin * y, cos * y - sin * x], dim=2)


def flow_error(motion: Tensor, true: Tensor, body: Tensor) -> Tensor:
    """Mean square [...] of how far motion [...,2,h,w] is from the true one, over the body's pixels, body [...,h,w]."""
    error = (motion - true).square().sum(-3)
    return (error * body).sum((-2, -1)) / body.sum((-2, -1)).clamp(min=1e-6)


def _each(layer: nn.Module, maps: Tensor) -> Tensor:
    """A layer on each of the maps [B,N,C,h,w]."""
    return layer(maps.flatten(0, 1)).unflatten(0, maps.shape[:2])
