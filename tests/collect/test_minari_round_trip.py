"""Shards to Minari and back are the same shards, bit for bit; and Minari itself reads what is between."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hyperdyn import cli, interchange
from hyperdyn.envs.spec import Family
from hyperdyn.errors import ShardError
from hyperdyn.interchange import export_minari, import_minari
from hyperdyn.shards.format import Header
from hyperdyn.shards.store import ShardStore

minari = pytest.importorskip("minari", reason="the extra 'minari' is not installed")
NAME = "point/mass-v0"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "minari"))
    return tmp_path


def records(store: ShardStore) -> list[dict[str, Any]]:
    return [info.to_json() for info in store.infos()]


def test_there_and_back_is_the_same(point_mass: Family, point_mass_store: ShardStore, folder: Path) -> None:
    export_minari(point_mass_store, NAME, point_mass.objective)
    again = import_minari(f"minari:{NAME}", str(folder / "again"))
    assert records(again) == records(point_mass_store)
    assert again.header == point_mass_store.header
    assert not again.verify()


def test_unlike_lengths_survive(add_labelled: Any, folder: Path) -> None:
    store = add_labelled(episodes=3, steps=10, lengths=[4, 7, 2])
    export_minari(store, NAME)
    assert records(import_minari(f"minari:{NAME}", str(folder / "again"))) == records(store)


def test_minari_reads_what_was_stored(point_mass: Family, point_mass_store: ShardStore) -> None:
    export_minari(point_mass_store, NAME, point_mass.objective)
    data = minari.load_dataset(NAME)
    assert (data.total_episodes, data.total_steps) == (18 * 4, 18 * 4 * 60)
    (episode,) = data.storage.get_episodes([5])
    info = point_mass_store.infos()[1]
    stored = point_mass_store.load(info)
    np.testing.assert_array_equal(episode["observations"], stored.obs[1])
    np.testing.assert_array_equal(episode["actions"], stored.action[1])
    np.testing.assert_allclose(episode["rewards"], stored.obs[1][1:, 1])
    (about,) = data.storage.get_episode_metadata([5])
    assert about["options"]["factors"]["drag"] == info.factors[1]
    assert about["options"]["split"] == info.split


def test_a_dataset_of_others_becomes_one_system(point_mass_store: ShardStore, folder: Path) -> None:
    made = export_minari(point_mass_store, NAME)
    file = made.storage.data_path / "metadata.json"
    content = json.loads(file.read_text())
    del content["hyperdyn"]
    file.write_text(json.dumps(content))
    with pytest.raises(ShardError, match="did not come from hyperdyn"):
        import_minari(f"minari:{NAME}", str(folder / "again"))
    header = Header("", "robot", (), 2, 1, 0.1, seed=0)
    store = import_minari(f"minari:{NAME}", str(folder / "again"), header, action_scale=2.0)
    (info,) = store.infos()
    assert (info.id, len(info.lengths), info.factors) == (("train", 0, 0), 72, ())
    first = point_mass_store.load(point_mass_store.infos()[0])
    np.testing.assert_allclose(store.load(info).action[0], first.action[0] / 2)


def test_an_interrupted_export_leaves_no_dataset(point_mass_store: ShardStore, monkeypatch: pytest.MonkeyPatch) -> None:
    buffers, calls = interchange._buffers, []

    def interrupted(*args: Any) -> Any:
        calls.append(args)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return buffers(*args)

    with monkeypatch.context() as patch:
        patch.setattr(interchange, "_buffers", interrupted)
        with pytest.raises(KeyboardInterrupt):
            export_minari(point_mass_store, "pm/all-v0")
    assert not minari.list_local_datasets()
    export_minari(point_mass_store, "pm/all-v0")


def test_nothing_is_overwritten(point_mass_store: ShardStore) -> None:
    export_minari(point_mass_store, NAME)
    with pytest.raises(ShardError, match="such a dataset already"):
        export_minari(point_mass_store, NAME)
    with pytest.raises(ShardError, match="holds this shard already"):
        import_minari(f"minari:{NAME}", str(point_mass_store.root))


def test_the_commands(point_mass_store: ShardStore, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shards = str(point_mass_store.root)
    assert cli.main(["export-minari", shards, f"dataset={NAME}"]) == 1
    assert "unknown environment family" in capsys.readouterr().err
    assert cli.main(["export-minari", shards, f"dataset={NAME}", "rewards=false"]) == 0
    assert "72 episodes, 4320 steps" in capsys.readouterr().out
    assert cli.main(["import-minari", f"minari:{NAME}", f"data_dir={folder / 'again'}"]) == 0
    assert records(ShardStore.open(folder / "again")) == records(point_mass_store)
