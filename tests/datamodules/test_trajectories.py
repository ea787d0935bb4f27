"""The datamodule's options, its YAMLs, and what it hands to the normaliser."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

import hyperdyn.conf
from hyperdyn.datamodules.trajectories import TrajectoryDataModule
from hyperdyn.errors import ConfigError, ShardError
from hyperdyn.shards import ShardStore
from hyperdyn.types import Batch

AddLabelled = Callable[..., ShardStore]
DATA = Path(hyperdyn.conf.__file__).parent / "data"


def from_yaml(name: str, **changes: Any) -> TrajectoryDataModule:
    cfg = OmegaConf.load(DATA / f"{name}.yaml")
    for base in cfg.pop("defaults", []):
        cfg = OmegaConf.merge(OmegaConf.load(DATA / f"{base}.yaml"), cfg)
    made: TrajectoryDataModule = instantiate(OmegaConf.merge(cfg, changes), _convert_="all")
    return made


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("*.yaml")))
def test_every_yaml_gives_batches_of_the_promised_shapes(add_labelled: AddLabelled, name: str) -> None:
    store = add_labelled(systems=6, episodes=4, steps=20)
    dm = from_yaml(name, root=str(store.root), fork_of=None, seed=3, systems=4, rows=8, horizon=2, history_sizes=[5])
    batch: Batch = next(iter(dm.train_dataloader()))
    assert batch.context.history.obs.shape == (4, 5, 4)
    assert batch.query.obs.shape == (4, 8, 2, 4)
    other = batch.context.history.obs[batch.context.mask][:, 0]
    assert set(other.tolist()) <= set(batch.system.tolist())


def test_recent_contexts_end_where_the_query_begins(add_labelled: AddLabelled) -> None:
    store = add_labelled(systems=6, episodes=4, steps=20)
    dm = TrajectoryDataModule(str(store.root), context="recent", systems=4, rows=6, history_sizes=[3])
    for batch in dm.train_dataloader():
        for b in range(4):
            last = batch.context.history.next_obs[b][batch.context.mask[b]]
            if len(last):
                assert torch.equal(last[-1], batch.query.obs[b, 0, 0])


def test_transitions_are_those_of_the_first_round_inside_their_episodes(add_labelled: AddLabelled) -> None:
    add_labelled(systems=3, episodes=3, steps=6, lengths=[6, 2, 4])
    add_labelled(systems=3, split="interpolation")
    store = add_labelled(systems=3, round=1)
    chunks = list(TrajectoryDataModule(str(store.root)).transitions())
    obs, action, after = (torch.cat([getattr(c, n) for c in chunks]) for n in ("obs", "action", "next_obs"))
    expected = [(s, 0, e, t) for s in range(3) for e, length in enumerate([6, 2, 4]) for t in range(length)]
    assert [tuple(row) for row in obs.tolist()] == expected
    assert torch.equal(after - obs, torch.tensor([0.0, 0, 0, 1]).expand_as(obs))
    assert torch.equal(action * 1024, obs[:, 2:])


def test_only_the_first_systems_are_trained_on_and_normalised_by(add_labelled: AddLabelled) -> None:
    add_labelled(systems=6, episodes=4, steps=20)
    store = add_labelled(systems=6, episodes=4, steps=20, round=1)
    dm = from_yaml("trajectories", root=str(store.root), seed=3, first_systems=3, systems=3, rows=8)
    batches = list(dm.train_dataloader())
    whole = list(from_yaml("trajectories", root=str(store.root), seed=3, systems=3, rows=8).train_dataloader())
    assert 2 * len(batches) == len(whole)
    for batch in batches:
        seen = torch.cat([batch.query.obs[..., 0].flatten(), batch.context.history.obs[batch.context.mask][:, 0]])
        assert set(seen.tolist()) <= {0.0, 1.0, 2.0}
    assert {int(row) for chunk in dm.transitions() for row in chunk.obs[:, 0]} == {0, 1, 2}
    assert {int(row) for chunk in TrajectoryDataModule(str(store.root)).transitions() for row in chunk.obs[:, 0]} == {
        *range(6)
    }


def test_setup_again_keeps_the_place(add_labelled: AddLabelled) -> None:
    dm = TrajectoryDataModule(str(add_labelled(systems=4).root), systems=4, rows=5)
    dm.setup("fit")
    next(iter(dm.train_dataloader()))
    dm.setup("fit")
    assert dm.train_dataloader().state_dict()["consumed"] == 4


@pytest.mark.parametrize(
    ("option", "says"),
    [
        ({"context": "recant"}, "did you mean 'recent'"),
        ({"support_style": "segments"}, "did you mean 'segment'"),
        ({"history_sizes": []}, "history_sizes is empty"),
        ({"history_sizes": [4, -1]}, "data.history_sizes"),
        ({"systems": 0}, "data.systems"),
        ({"rows": 2.5}, "data.rows"),
        ({"horizon": 0}, "data.horizon"),
        ({"round_weight": 0}, "data.round_weight"),
        ({"first_systems": 0}, "data.first_systems"),
        ({"seed": -1}, "data.seed"),
    ],
    ids=lambda option: str(option) if isinstance(option, dict) else "",
)
def test_options_that_cannot_be_are_refused_at_once(option: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        TrajectoryDataModule("nowhere", **option)


def test_a_fork_is_made_once_for_all_hosts() -> None:
    assert not TrajectoryDataModule("nowhere", fork_of="elsewhere").prepare_data_per_node


def test_a_missing_folder_says_how_to_fill_it(tmp_path: Path) -> None:
    with pytest.raises(ShardError, match=f"hyperdyn collect data_dir={tmp_path / 'no'}"):
        TrajectoryDataModule(str(tmp_path / "no")).setup("fit")
