"""TensorBoard as a newcomer wants to find it: the few curves that matter on one page, and runs side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, final

from lightning.pytorch import Callback, LightningModule, Trainer
from omegaconf import OmegaConf
from torch.utils.tensorboard.summary import hparams

from hyperdyn.callbacks.evaluation import board

PAGES: dict[str, dict[str, list[Any]]] = {
    "Error on unseen systems": {
        "in range, 1 step ahead": ["Multiline", [r"interpolation/[^/]+/K\d+/nrmse_1$"]],
        "in range, to the horizon": ["Multiline", [r"interpolation/[^/]+/K\d+/nrmse_(?!1$)\d+$"]],
        "out of range, 1 step ahead": ["Multiline", [r"extrapolation/[^/]+/K\d+/nrmse_1$"]],
        "out of range, to the horizon": ["Multiline", [r"extrapolation/[^/]+/K\d+/nrmse_(?!1$)\d+$"]],
    },
    "Planning": {
        "return on unseen systems": ["Multiline", [r".*/planning_return$"]],
        "return on training systems, before each round": ["Multiline", [r".*/on_policy_return$"]],
    },
    "Training": {
        "loss": ["Multiline", [r"train/.*loss$"]],
        "how far generated weights differ": ["Multiline", [r".*/generated_spread$"]],
    },
}
"""Page of the custom scalars, chart, and what the tags on it match from their first letter on."""

HYPERPARAMETERS = (
    "seed",
    "method",
    "env.name",
    "model",
    "module",
    "data.systems",
    "data.rows",
    "data.horizon",
    "data.history_sizes",
    "data.support_style",
    "data.round_weight",
    "trainer.max_steps",
)
"""Keys of the configuration that runs are compared by."""


@final
class Dashboard(Callback):
    """Lays out TensorBoard's custom scalars, and writes the hyperparameters of a run beside its last metrics.

    run_dir: holds the configuration, config.yaml.
    """

    def __init__(self, run_dir: str) -> None:
        self.config = Path(run_dir) / "config.yaml"

    def on_fit_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        writer = board(trainer)
        if writer is not None:
            writer.add_custom_scalars(PAGES)

    def on_train_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        writer = board(trainer)
        if writer is None or not self.config.is_file():
            return
        chosen = dict(hyperparameters(OmegaConf.load(self.config)))
        metrics = {name: float(value) for name, value in trainer.callback_metrics.items()}
        # Not `add_hparams`, which logs every metric a second time: TensorBoard finds the values under these names.
        for summary in hparams(chosen, metrics):
            writer._get_file_writer().add_summary(summary)
        writer.flush()


def hyperparameters(config: Any) -> Iterator[tuple[str, Any]]:
    """Name and value of each hyperparameter that is a number, a word or a truth value; lists as words."""
    for key in HYPERPARAMETERS:
        value = OmegaConf.select(config, key)
        yield from _leaves(key, OmegaConf.to_container(value) if OmegaConf.is_config(value) else value)


def _leaves(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if key.startswith("_"):  # for Hydra, who makes the object
                continue
            yield from _leaves(f"{name}.{key}", inner)
    elif value is not None:
        yield name, value if isinstance(value, (bool, int, float, str)) else str(value)
