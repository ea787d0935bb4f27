"""`hyperdyn verify`: is every shard what was written?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from omegaconf import DictConfig

from hyperdyn.errors import ShardError
from hyperdyn.progress import Meter
from hyperdyn.shards.format import ShardInfo
from hyperdyn.shards.store import ShardStore


def run(cfg: DictConfig) -> None:
    """Read every byte of the shards in `cfg.data_dir`; with `repair=true`, remove bad ones so that they are made anew.

    Raises:
        ShardError: there are bad shards, and they were not to be repaired.
    """
    store = ShardStore.open(cfg.data_dir)
    total = len(store)

    def shown(infos: Iterable[ShardInfo]) -> Iterator[ShardInfo]:
        with Meter(f"verify {cfg.data_dir}", total, "shards") as meter:
            for info in infos:
                yield info
                meter.advance(1)

    faults = store.verify(shown)
    for fault in faults:
        print(f"bad: {fault}")
    if cfg.repair:
        store.repair(faults)
        print(f"{len(faults)} of {total} shards removed; the command that collected them makes them again")
    elif faults:
        fix = f"hyperdyn verify {cfg.data_dir} repair=true, then the command that collected them"
        raise ShardError(f"'{cfg.data_dir}' has bad shards", got=f"{len(faults)} of {total}", fix=fix)
    else:
        print(f"{total} shards in {store.root}, all as they were written")
