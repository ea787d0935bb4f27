"""Training of any method with Lightning. The only file that knows Lightning's training loop."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import torch
from lightning.pytorch import LightningModule
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor
from torch.distributed.fsdp import FSDPModule, fully_shard, register_fsdp_forward_method
from torch.nn import functional

from hyperdyn.envs.spec import Family
from hyperdyn.errors import CheckpointError, ConfigError, DivergedError
from hyperdyn.models.base import AbstractDynamics, rollout_with_std
from hyperdyn.nn.encoders.base import AbstractHistoryEncoder
from hyperdyn.nn.vision.encoder import VoxelEncoder
from hyperdyn.types import Batch, Context, Expert, Transitions

CHECKPOINT_VERSION = 2
"""2: hypernetworks bound their code; the weights of version 1 mean another model."""


class DynamicsModule(LightningModule):
    """The loss that every method shares, and its optimisation.

    With predictions s_t rolled out T steps from the first observation of a query row,

        loss = mean over rows, steps t <= T, entries of rho((s_t - s*_t) / sigma_y)  +  mean of the method's aux_loss

    rho is the square, or twice the Huber loss if `huber` is given (equal to the square for small errors).

    Where an expert says how sure it is, the negative log-likelihood of the first step is added,

        mean over rows, entries of 1/2 (r / d)^2 + log d    with r = (sg(s_1) - s*_1) / sigma_y,  d = std_1 / sigma_y

    sg stops the gradient: this trains std and nothing else, and the mean is what it would be without it (Stirn et al.,
    Faithful heteroscedastic regression, AISTATS 2023). A method whose std and mean share layers stops the gradient
    between them. It is logged with the auxiliary loss, so that train/<family>/loss compares all methods.

    Args:
        lr, optimiser, weight_decay: "adam" or "adamw", fused unless precision is mixed.
        encoder_lr: rate of the model's encoders, of histories and of voxels, None for `lr`. At the rate that suits the
            rest, an encoder may learn codes that say nothing, and the model then ignores its history.
        warmup_steps: linear warm-up.
        schedule: afterwards "cosine", to zero at the end of training, or "constant".
        rollout_from: optimiser step from which rows are rolled out all T steps; before it, one step only.
        rollout_rows: share of the query rows that are then rolled out; the rest are trained on one step.
        recipe: plain containers from which `hyperdyn.load` rebuilds the model; saved in every checkpoint.
    """

    def __init__(
        self,
        model: AbstractDynamics,
        family: Family | None = None,
        *,
        lr: float = 4e-3,
        encoder_lr: float | None = None,
        optimiser: Literal["adam", "adamw"] = "adam",
        weight_decay: float = 0.0,
        warmup_steps: int = 100,
        schedule: Literal["cosine", "constant"] = "cosine",
        huber: float | None = None,
        rollout_from: int = 0,
        rollout_rows: float = 1.0,
        compile: bool = False,
        recipe: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        if optimiser not in ("adam", "adamw"):
            raise ConfigError("unknown optimiser", got=optimiser, expected="adam or adamw", fix="optimiser=adam")
        if schedule not in ("cosine", "constant"):
            raise ConfigError("unknown schedule", got=schedule, expected="cosine or constant", fix="schedule=cosine")
        if encoder_lr is not None and encoder_lr < 0:
            raise ConfigError("encoder_lr is a learning rate", got=encoder_lr, expected="0 or more, or null for lr")
        if not 0 < rollout_rows <= 1:
            raise ConfigError("rollout_rows is a share of the rows", got=rollout_rows, expected="in (0, 1]")
        self.model = model
        self.family = family
        self.lr = lr
        self.encoder_lr = encoder_lr
        self.optimiser = optimiser
        self.weight_decay = weight_decay
        self.warmup_steps = warmup_steps
        self.schedule = schedule
        self.huber = huber
        self.rollout_from = rollout_from
        self.rollout_rows = rollout_rows
        self.recipe = dict(recipe or {})
        self.compile_loss = compile
        self._loss = torch.compile(self.loss) if compile else self.loss

    def forward(self, context: Context) -> Expert:
        """The expert of each system, as `AbstractDynamics.adapt`."""
        return self.model.adapt(context)

    def setup(self, stage: str) -> None:
        if stage == "fit" and not self.model.norm.fitted:
            self.model.norm.fit(self.trainer.datamodule.transitions())  # type: ignore[attr-defined]

    def configure_model(self) -> None:
        """Share parameters, gradients and the optimiser's state among the ranks, if the strategy asks for it."""
        if self.device_mesh is not None and not isinstance(self, FSDPModule):
            # All of a step, experts included, runs inside of the loss: there the parameters are whole.
            fully_shard(self, mesh=self.device_mesh["data_parallel"], reshard_after_forward=False)
            register_fsdp_forward_method(self, "loss")
            self._loss = torch.compile(self.loss) if self.compile_loss else self.loss

    def loss(self, batch: Batch, rolled: int) -> tuple[Tensor, Tensor]:
        """Query loss, and likelihood and auxiliary loss together.

        The first `rolled` rows of each system are rolled out over all T steps, the rest over one.
        """
        context = batch.context
        if self.model.privileged or self.model.told_in_training:
            context = replace(context, factors=batch.factors)
        expert = self.model.adapt(context)
        _, n, t, _ = batch.query.obs.shape
        total = aux = batch.query.obs.new_zeros(())
        for rows, steps in ((slice(0, rolled), t), (slice(rolled, n), 1)):
            if rows.stop > rows.start:
                share = (rows.stop - rows.start) / n
                error, likelihood = self._error(expert, batch.query, rows, steps)
                total, aux = total + share * error, aux + share * likelihood
        return total, aux if expert.aux_loss is None else aux + expert.aux_loss.mean()

    def _error(self, expert: Expert, query: Transitions, rows: slice, steps: int) -> tuple[Tensor, Tensor]:
        """Mean error of these rows, and the negative log-likelihood of their first step; zero without a std."""
        relative = self.model.norm.relative
        mean, std = rollout_with_std(expert, query.obs[:, rows, 0], query.action[:, rows, :steps])  # [B,N,T,S]
        error = relative(mean - query.next_obs[:, rows, :steps])  # [B,N,T,Y]
        likelihood = error.new_zeros(()) if std is None else _neg_log_likelihood(error[:, :, 0], relative(std[:, :, 0]))
        if self.huber is None:
            return error.square().mean(), likelihood
        return 2 * functional.huber_loss(error, torch.zeros_like(error), delta=self.huber), likelihood

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        n, t = batch.query.obs.shape[1:3]
        long = t > 1 and self.global_step >= self.rollout_from
        query, aux = self._loss(batch, math.ceil(self.rollout_rows * n) if long else 0)
        loss = query + aux
        if self._logs_now():  # logging every step costs more than a small training step
            # Of all ranks: one that left alone would have the others wait for its part of the next collective.
            everywhere = self.trainer.strategy.reduce(loss.detach().clone(), reduce_op="mean")
            if not torch.isfinite(everywhere):
                raise DivergedError(
                    f"the training loss is not finite at step {self.global_step}",
                    got=float(everywhere),
                    fix="lower module.lr, shorten data.horizon, or check the shards with `hyperdyn verify`",
                )
            where = "train" if self.family is None else f"train/{self.family.name}"
            self.log(f"{where}/loss", query.detach(), prog_bar=True, sync_dist=True)
            self.log(f"{where}/aux_loss", aux.detach(), sync_dist=True)
        return loss

    def _logs_now(self) -> bool:
        every = self.trainer.log_every_n_steps  # type: ignore[attr-defined]
        return bool(every) and (self.global_step + 1) % every == 0

    def configure_optimizers(self) -> OptimizerLRScheduler:
        kind = torch.optim.Adam if self.optimiser == "adam" else torch.optim.AdamW
        fused = "mixed" not in self.trainer.precision  # there it unscales gradients itself, too late to clip them
        optimiser = kind(self._groups(), lr=self.lr, weight_decay=self.weight_decay, fused=fused)
        total = max(1, int(self.trainer.estimated_stepping_batches)) if self.schedule == "cosine" else None
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda i: warmup_cosine(i, self.warmup_steps, total))
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def _groups(self) -> list[dict[str, Any]]:
        """Parameters by their rate."""
        if self.encoder_lr is None:
            return [{"params": list(self.parameters())}]
        encoders = [m for m in self.model.modules() if isinstance(m, AbstractHistoryEncoder | VoxelEncoder)]
        slow = {p for encoder in encoders for p in encoder.parameters()}
        rest = {"params": [p for p in self.parameters() if p not in slow]}
        return [rest, {"params": [p for p in self.parameters() if p in slow], "lr": self.encoder_lr}]

    def on_save_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        checkpoint["hyperdyn"] = {"version": CHECKPOINT_VERSION, **self.recipe}

    def on_load_checkpoint(self, checkpoint: dict[str, Any]) -> None:
        """Raises CheckpointError if the run to be continued has other rates or another decay: torch would keep those,
        without a word.
        """
        decay = {group["weight_decay"] for group in checkpoint["optimizer_states"][0]["param_groups"]}
        saved = (checkpoint["lr_schedulers"][0]["base_lrs"], *decay)
        asked = ([self.lr] if self.encoder_lr is None else [self.lr, self.encoder_lr], self.weight_decay)
        if saved != asked:
            raise CheckpointError(
                "a run goes on at the rates it began with: module.lr, module.encoder_lr where it has one, and "
                "module.weight_decay",
                got=asked,
                expected=saved,
                fix="those rates, or ckpt=null and another run_dir to begin anew",
            )


@contextmanager
def whole(module: LightningModule) -> Iterator[None]:
    """Every parameter whole on every rank, for whoever uses a model outside of its training step."""
    sharded = module if isinstance(module, FSDPModule) else None
    if sharded is not None:
        sharded.unshard()
    try:
        yield
    finally:
        if sharded is not None:
            sharded.reshard()


def _neg_log_likelihood(error: Tensor, std: Tensor) -> Tensor:
    """Of errors [...] under a Gaussian of standard deviation std [...], less its constant; a function of std alone."""
    return (0.5 * (error.detach() / std).square() + std.log()).mean()


def warmup_cosine(step: int, warmup: int, total: int | None) -> float:
    """Share of the peak learning rate at a step: linear to 1 in `warmup` steps, then half a cosine to 0 at `total`.

    With no total it stays at 1.
    """
    rise = min(1.0, (step + 1) / max(1, warmup))
    return rise if total is None else rise * 0.5 * (1 + math.cos(math.pi * min(1.0, step / total)))
