"""On a GPU training begins as on a CPU, and a plan costs what it costs there."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch

from hyperdyn.checkpoint import read_checkpoint
from hyperdyn.cli import main
from hyperdyn.envs.spec import Family
from hyperdyn.models.hyper import Hyper
from hyperdyn.nn.encoders.information import InformationEncoder
from hyperdyn.planning.cem import CEM
from hyperdyn.planning.control import run_episodes
from hyperdyn.planning.cost import trajectory_cost
from hyperdyn.types import Context

DEVICE = "cuda"
pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")]


@pytest.fixture
def model(point_mass: Family) -> Hyper:
    torch.manual_seed(0)
    encoder = partial(InformationEncoder, latent_dim=4, hidden_dim=8)
    return Hyper(point_mass.state, encoder, hidden=(16,)).eval()


@torch.no_grad()
def test_a_plan_costs_what_it_costs_on_a_cpu(point_mass: Family, model: Hyper) -> None:
    torch.manual_seed(1)
    spec, objective = point_mass.state, point_mass.objective
    context = Context.of(torch.randn(5, 2), torch.rand(5, 1), torch.randn(5, 2))
    obs, actions = torch.randn(1, 2), torch.rand(1, 7, 4, 1)
    cost = trajectory_cost(model.adapt(context), obs, objective)(actions)
    moved = model.to(DEVICE).adapt(context.to(torch.device(DEVICE)))
    found = trajectory_cost(moved, obs.to(DEVICE), objective)(actions.to(DEVICE))
    assert found.device.type == DEVICE
    torch.testing.assert_close(found.cpu(), cost, atol=1e-4, rtol=1e-4)
    simulator = point_mass.simulate(point_mass.draw("train", 3, 0))
    settings = (CEM(horizon=4, candidates=16, elites=4, keep=1), objective, spec)
    played = run_episodes(
        simulator, simulator.reset([0, 1, 2]), model.adapt, *settings, steps=3, seeds=[0, 1, 2], device=DEVICE
    )
    assert np.isfinite(played.reward).all()
    assert np.abs(played.action).max() <= 1


def test_training_begins_as_on_a_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    systems = ["systems.train=4", "systems.interpolation=0", "systems.extrapolation=0", "episodes=2", "steps=30"]
    assert main(["collect", "env=pendulum", "data_dir=data", *systems, "workers=0"]) == 0
    tiny = ["collect=[]", "env=pendulum", "data_dir=data", "trainer.max_steps=3", "trainer.devices=1", "~callbacks"]
    tiny += ["data.systems=4", "data.rows=4", "model.hidden=[16]", "trainer.enable_progress_bar=false"]
    for accelerator in ("cpu", "gpu"):
        assert main(["train", *tiny, f"trainer.accelerator={accelerator}", f"run_dir={accelerator}"]) == 0
    one, two = (read_checkpoint(Path(a) / "checkpoints" / "last.ckpt")["state_dict"] for a in ("cpu", "gpu"))
    for name, value in one.items():
        torch.testing.assert_close(two[name].cpu(), value, atol=1e-3, rtol=1e-3, msg=name)
