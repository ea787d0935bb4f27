"""Dataclasses of tensors move and divide as one tensor does."""

from dataclasses import fields

import torch
from torch import Tensor

from hyperdyn.types import Context, StateSpec, Transitions
from hyperdyn.views import Solid, Views


def full_context(B: int = 4) -> Context:
    """A context with something in every field, all of it different."""
    rng = torch.Generator().manual_seed(0)
    draw = lambda *shape: torch.rand(B, *shape, generator=rng)  # noqa: E731
    views = Views(
        draw(2, 3, 5, 6),
        draw(2, 5, 6),
        draw(2, 3, 3),
        draw(2, 4, 4),
        draw(2, 5, 6) > 0.5,
        draw(3),
        Solid(draw(3, 3, 3) > 0.5, draw(), draw()),
    )
    return Context(Transitions(draw(3, 2), draw(3, 1), draw(3, 2)), draw(3) > 0.5, views, draw(2))


def tensors(value: object) -> list[Tensor]:
    if isinstance(value, Tensor):
        return [value]
    return [t for f in fields(value) for t in tensors(getattr(value, f.name))]  # type: ignore[arg-type]


def test_a_part_is_those_systems_of_every_tensor_however_deep() -> None:
    whole, part = tensors(full_context()), tensors(full_context().part(slice(1, 3)))
    assert len(whole) == 14
    assert all(torch.equal(p, w[1:3]) for p, w in zip(part, whole, strict=True))


def test_systems_may_be_chosen_by_number() -> None:
    whole, part = tensors(full_context()), tensors(full_context().part(torch.tensor([2, 0])))
    assert all(torch.equal(p, w[[2, 0]]) for p, w in zip(part, whole, strict=True))


def test_every_tensor_moves_however_deep() -> None:
    assert all(t.device.type == "meta" for t in tensors(full_context().to("meta")))


def test_what_is_not_there_stays_away() -> None:
    part = Context.empty(3, StateSpec(2, 1)).to("cpu").part(slice(2))
    assert part.views is None
    assert part.factors is None
    assert part.mask.shape == (2, 0)


def test_another_type_is_for_numbers_alone() -> None:
    before, after = tensors(full_context()), tensors(full_context().to(torch.float64))
    for b, a in zip(before, after, strict=True):
        assert a.dtype is (torch.bool if b.dtype is torch.bool else torch.float64)
