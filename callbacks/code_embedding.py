"""What the codes of systems say about their hidden factors."""

from __future__ import annotations

from typing import final

import torch
from lightning.pytorch import LightningModule, Trainer
from torch import Tensor

from hyperdyn.callbacks.evaluation import AbstractEvaluation, board, show_figure, step_of, tag
from hyperdyn.envs.spec import Family
from hyperdyn.errors import at_least
from hyperdyn.evaluate.windows import Windows, systems_of
from hyperdyn.figures.codes import code_figure
from hyperdyn.models.base import AbstractDynamics
from hyperdyn.shards.store import ShardStore
from hyperdyn.types import Context


@final
class CodeEmbedding(AbstractEvaluation):
    """Codes of many systems in TensorBoard's projector with their true factors, and a figure of their two principal
    components coloured by each factor. A method without codes has none to show.

    split, systems: whose codes; the first so many. history: K transitions that a code is made from.
    """

    def __init__(
        self,
        family: Family,
        data_dir: str,
        *,
        every_n_steps: int = 0,
        split: str = "train",
        systems: int = 256,
        history: int = 64,
        seed: int = 0,
    ) -> None:
        super().__init__(every_n_steps)
        at_least(1, self, systems=systems, history=history)
        self.family = family
        self.data_dir = data_dir
        self.split = split
        self.systems = systems
        self.windows = Windows((history,), 1, 1, "support", seed, fewer=True)

    def setup(self, trainer: Trainer, pl_module: LightningModule, stage: str) -> None:
        systems_of(ShardStore.open(self.data_dir), self.split)  # better now than after the first thousand steps

    def evaluate(self, trainer: Trainer, model: AbstractDynamics) -> None:
        if not trainer.is_global_zero:
            return
        codes, factors = [], []
        device = next(model.parameters()).device
        for batch in self.windows.batches(ShardStore.open(self.data_dir), self.split, slice(self.systems)):
            found = latent(model, model.told(batch.context, batch.factors).to(device))
            if found is None:
                return
            codes.append(found.cpu())
            factors.append(batch.factors)
        self._show(trainer, torch.cat(codes), torch.cat(factors))

    def _show(self, trainer: Trainer, codes: Tensor, factors: Tensor) -> None:
        names = [f"{n} [{f.unit}]" if f.unit not in ("", "1") else n for n, f in self.family.factors.items()]
        heading = f"Codes of {len(codes)} systems ({self.split}), step {step_of(trainer) + 1}"
        figure = code_figure(codes.numpy(), factors.numpy(), names, heading)
        show_figure(trainer, tag(self.split, self.family.name, "codes"), figure, f"codes_{self.split}.png")
        writer = board(trainer)
        if writer is not None:
            rows = [[f"{v:.4g}" for v in row] for row in factors.tolist()]
            # One factor alone is a plain list without a header: TensorBoard's own rule for a single column.
            metadata, header = (rows, names) if len(names) > 1 else ([r[0] for r in rows], None)
            writer.add_embedding(codes, metadata, metadata_header=header, global_step=step_of(trainer), tag="codes")


def latent(model: AbstractDynamics, context: Context) -> Tensor | None:
    """What the history of each system was found to say about it [B,Z]; None for a method without codes."""
    encode = getattr(model, "encode", None)
    return encode(context).latent if encode is not None else model.adapt(context).code
