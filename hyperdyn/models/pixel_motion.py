"""What methods share that predict how an object's pixels move, and its pose from that."""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from typing import ClassVar

from hyperdyn.models.base import AbstractDynamics
from hyperdyn.nn.vision.flow import Encounter, FlowHead, FlowSize, Glance
from hyperdyn.nn.vision.planar import Planar
from hyperdyn.nn.vision.topdown import TopDown
from hyperdyn.types import StateSpec


class AbstractPixelMotion(AbstractDynamics, ABC):
    """s' = s (+) fit(motion of the object's pixels), of a picture from straight above in the object's own frame.

    lens: how pictures are made of views, see `TopDown`: cells, size, table, radius, workspace.
    layers: sizes of the networks, see `FlowSize`: channels, hidden.
    """

    looks: ClassVar[bool] = True
    note: ClassVar[str] = "convolutional: units of its layers"

    def __init__(self, spec: StateSpec, lens: TopDown, channels: Sequence[int], hidden: int) -> None:
        super().__init__(spec)
        self.planar = Planar(self.norm)
        self.lens = lens
        self.layers = FlowSize.of(lens.cells, channels, hidden)
        self.glance = Glance(self.layers)

    @property
    def executed_sizes(self) -> tuple[int, ...]:
        """Units of each layer of the convolutional network, and the pose change that is fitted."""
        return (*self.layers.units(self.lens.cells, self.spec.input_dim), self.spec.change_dim)

    def meeting(self, given: int = 0, observed: int = 0) -> Encounter:
        """A network of what comes of an action upon a picture, see `Encounter`."""
        directions = len(self.spec.frame.directions) if self.spec.frame is not None else 0
        return Encounter(self.lens, self.layers, self.spec.input_dim, directions, given, observed)

    def flow_head(self, outputs: int) -> FlowHead:
        return FlowHead(self.lens, self.layers, outputs)
