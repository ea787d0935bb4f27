"""How the generated weights are distributed, and how much they differ from system to system."""

from __future__ import annotations

from typing import final

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from hyperdyn.callbacks.evaluation import AbstractEvaluation, board, log, step_of, tag
from hyperdyn.errors import at_least
from hyperdyn.evaluate.windows import Windows, systems_of
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.nn.mlp import MLPSpec
from hyperdyn.shards.store import ShardStore


@final
class WeightHistograms(AbstractEvaluation):
    """Histograms <split>/<family>/generated/<layer>/weight and /bias over the experts of some systems, and the scalar
    <split>/<family>/generated_spread.

    spread = root mean square over weights of (standard deviation over systems / scale of that weight); 0 says that all
    systems get the same expert. A method that generates no weights has none to show.

    history: K transitions that each expert is made from.
    """

    def __init__(
        self,
        data_dir: str,
        *,
        every_n_steps: int = 1000,
        split: str = "interpolation",
        systems: int = 24,
        history: int = 16,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_steps)
        at_least(1, self, systems=systems)
        at_least(0, self, history=history)
        self.data_dir = data_dir
        self.split = split
        self.systems = systems
        self.windows = Windows((history,), 1, 1, "support", seed, fewer=True)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        systems_of(ShardStore.open(self.data_dir), self.split)  # better now than after the first thousand steps

    def evaluate(self, trainer: Trainer, model: AbstractDynamics) -> None:
        spec = getattr(model, "expert_spec", None)
        if spec is None:
            return
        store = ShardStore.open(self.data_dir)
        generated, device = [], next(model.parameters()).device
        for batch in self.windows.batches(store, self.split, slice(self.systems)):
            theta = model.adapt(model.told(batch.context, batch.factors).to(device)).theta
            if theta is None:
                return
            generated.append(theta.float().cpu())
        self._show(trainer, torch.cat(generated), spec, store.header.family)

    def _show(self, trainer: Trainer, theta: Tensor, spec: MLPSpec, family: str) -> None:
        spread = float((theta.std(0, correction=0) / spec.scale()).square().mean().sqrt())
        log(trainer, {tag(self.split, family, "generated_spread"): spread})
        writer = board(trainer)
        if writer is None:
            return
        for number, layer in enumerate(spec.layers, start=1):
            for kind, where in (("weight", layer.weight), ("bias", layer.bias)):
                name = tag(self.split, family, "generated", f"layer{number}", kind)
                writer.add_histogram(name, theta[:, where], step_of(trainer))
