"""What TensorBoard opens with, read back from the event files."""

import re
from pathlib import Path

import pytest
import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.loggers import TensorBoardLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar.layout_pb2 import Layout
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from hyperdyn.callbacks.dashboard import PAGES, Dashboard

NEAR, FAR = "interpolation/cheetah/K8/nrmse_1", "interpolation/cheetah/K8/nrmse_10"
LOSS, ROUND = "train/cheetah/loss", "train/cheetah/on_policy_return"
CONFIG = """
seed: 3
model: {_target_: x, hidden: [8, 8], rank: null}
module: {lr: 0.004}
data: {history_sizes: [0, 1, 64]}
run_dir: x
"""


class Module(LightningModule):
    """Logs what a training and its callbacks log, at each step."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(torch.ones(1))

    def training_step(self, batch: torch.Tensor, batch_idx: int) -> torch.Tensor:
        self.log_dict({NEAR: 0.25, FAR: 0.5, LOSS: 1.0, ROUND: 2.0})
        return (self.weight * batch).sum()

    def train_dataloader(self) -> torch.utils.data.DataLoader[torch.Tensor]:
        return torch.utils.data.DataLoader(torch.ones(3, 1))  # type: ignore[arg-type]

    def configure_optimizers(self) -> torch.optim.Optimizer:
        return torch.optim.SGD(self.parameters(), lr=0.1)


@pytest.fixture
def events(tmp_path: Path) -> EventAccumulator:
    (tmp_path / "config.yaml").write_text(CONFIG)
    Trainer(
        max_steps=3,
        accelerator="cpu",
        logger=TensorBoardLogger(tmp_path, name="tensorboard", version=""),
        callbacks=[Dashboard(str(tmp_path))],
        log_every_n_steps=1,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    ).fit(Module())
    return EventAccumulator(str(tmp_path / "tensorboard")).Reload()


def test_the_curves_that_matter_are_on_pages(events: EventAccumulator) -> None:
    layout = Layout.FromString(events.Tensors("custom_scalars__config__")[0].tensor_proto.string_val[0])
    assert [page.title for page in layout.category] == list(PAGES)
    charts = {chart.title: list(chart.multiline.tag) for page in layout.category for chart in page.chart}

    def shown(title: str) -> list[str]:
        return [t for t in events.Tags()["scalars"] if any(re.match(p, t) for p in charts[title])]

    assert shown("in range, 1 step ahead") == [NEAR]
    assert shown("in range, to the horizon") == [FAR]
    assert shown("loss") == [LOSS]
    assert shown("return on training systems, before each round") == [ROUND]


def test_hyperparameters_stand_beside_the_last_metrics(events: EventAccumulator) -> None:
    found = events.PluginTagToContent("hparams")
    values = HParamsPluginData.FromString(found["_hparams_/session_start_info"]).session_start_info.hparams
    assert values["module.lr"].number_value == 0.004
    assert values["model.hidden"].string_value == "[8, 8]"
    assert values["data.history_sizes"].string_value == "[0, 1, 64]"
    assert set(values) == {"seed", "module.lr", "model.hidden", "data.history_sizes"}
    metrics = HParamsPluginData.FromString(found["_hparams_/experiment"]).experiment.metric_infos
    assert {NEAR, FAR} <= {m.name.tag for m in metrics}


def test_no_metric_is_logged_a_second_time(events: EventAccumulator) -> None:
    assert [event.step for event in events.Scalars(NEAR)] == [0, 1, 2]
