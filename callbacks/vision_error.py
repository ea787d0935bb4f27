"""What is seen of objects never trained on, while training goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import final

import numpy as np
import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from hyperdyn.callbacks.evaluation import AbstractEvaluation, log, tag
from hyperdyn.errors import ConfigError
from hyperdyn.evaluate.windows import Windows, systems_of
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.nn.vision.encoder import VoxelEncoder
from hyperdyn.nn.vision.geometry import beside
from hyperdyn.nn.vision.metrics import PlaceError, ShapeIoU
from hyperdyn.nn.vision.solid import occupied
from hyperdyn.shards.store import ShardStore
from hyperdyn.views import Views


@final
class VisionError(AbstractEvaluation):
    """Logs <split>/<family>/shape_iou and <split>/<family>/place_error_m [m], of guessed shapes and places.

    Each cube is put beside its object by a draw as wide as training's, the same in every evaluation, and the guess is
    how far it was moved along its own axes: sqrt(2/3) of the jitter is the error of who knows nothing. Of the objects
    whose pose and true shape were stored with their views.

    data_dir: folder of shards that holds the splits. seed: of the choice of looks, and of the draws.
    """

    def __init__(
        self,
        data_dir: str,
        *,
        every_n_steps: int = 1000,
        splits: Sequence[str] = ("interpolation", "extrapolation"),
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_steps)
        self.data_dir = data_dir
        self.splits = tuple(splits)
        self.windows = Windows((0,), 1, 1, "support", seed)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        for split in self.splits:
            systems_of(ShardStore.open(self.data_dir), split)
        if not isinstance(getattr(pl_module.model, "vision", None), VoxelEncoder):
            raise ConfigError(
                "VisionError: this method guesses no shape", fix="model=hyper_vision, or no such callback"
            )

    def evaluate(self, trainer: Trainer, model: AbstractDynamics) -> None:
        encoder = model.vision
        assert isinstance(encoder, VoxelEncoder)
        share = slice(trainer.global_rank, None, trainer.world_size)
        store = ShardStore.open(self.data_dir)
        found: dict[str, float] = {}
        for split in self.splits:
            iou, place = ShapeIoU().to(encoder.no_view.device), PlaceError().to(encoder.no_view.device)
            for systems, views in self._views(store, split, share):
                draws = np.stack([np.random.default_rng([self.windows.seed, n, 2]).random(3) for n in systems.tolist()])
                add_guesses(encoder, views.to(encoder.no_view.device), torch.from_numpy(draws), iou, place)
            for name, value in (("shape_iou", iou.compute()), ("place_error_m", place.compute())):
                found[tag(split, store.header.family, name)] = float(value)
        log(trainer, found)

    def _views(self, store: ShardStore, split: str, share: slice) -> Iterator[tuple[Tensor, Views]]:
        for batch in self.windows.batches(store, split, share):
            views = batch.context.views
            if views is not None and views.pose is not None and views.solid is not None:
                yield batch.system, views


@torch.no_grad()
def add_guesses(encoder: VoxelEncoder, views: Views, draws: Tensor, iou: ShapeIoU, place: PlaceError) -> None:
    """Adds the encoder's guesses on views with pose and solid to the two metrics; what was not seen is left out.

    draws: [B,3] in [0, 1], how far each box is moved and turned.
    """
    assert views.pose is not None
    assert views.solid is not None
    metres, radians = encoder.jitter
    off = (2 * draws.to(views.pose) - 1) * views.pose.new_tensor([metres, metres, radians])
    box = beside(views.pose, off)
    grid = encoder.look(views, box)
    seen = grid[:, 0].flatten(1).any(1)
    logits, guessed = encoder.guess(grid)
    iou.update(logits[seen] > 0, occupied(views.solid, encoder.cube, views.pose, box)[seen])
    place.update(guessed[seen], off[seen, :2])
