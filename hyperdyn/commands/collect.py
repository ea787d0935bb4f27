"""`hyperdyn collect`: the shards that later commands read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from omegaconf import DictConfig

from hyperdyn import build
from hyperdyn.collect import collect
from hyperdyn.shards.format import ShardInfo
from hyperdyn.workers import cores


def run(cfg: DictConfig) -> None:
    """Collect every split of `cfg.systems` into `cfg.data_dir`; shards that are there stay."""
    family = build.family(cfg.env)
    behaviour = build.behaviour(cfg.get("behaviour"), family)
    workers = cores() if cfg.workers is None else int(cfg.workers)
    for split, systems in cfg.systems.items():
        if not systems:
            continue
        store = collect(
            family,
            cfg.data_dir,
            split=str(split),
            systems=int(systems),
            episodes=cfg.episodes,
            steps=cfg.steps,
            behaviour=behaviour,
            seed=cfg.seed,
            draw_seed=cfg.draw_seed,
            workers=workers,
            round=cfg.round,
            first_system=cfg.first_system,
            views=cfg.views,
        )
        infos = store.infos(split=str(split))
        megabytes = sum(i.bytes + i.views_bytes for i in infos) / 1e6
        print(f"{split}: {len(infos)} shards, {megabytes:.1f} MB in {store.root}")
        if said := redrawn(infos):
            print(f"{split}: {said}")


def redrawn(infos: Sequence[ShardInfo]) -> str:
    """What the behaviour tried and did not keep, in words; empty if that was nothing."""
    why: Counter[str] = Counter()
    for info in infos:
        why.update(info.redrawn)
    if not why:
        return ""
    kept = sum(sum(info.lengths) for info in infos)
    reasons = ", ".join(f"{name} {count}" for name, count in sorted(why.items()))
    return f"{kept} steps kept, {why.total()} drawn anew ({100 * why.total() / kept:.1f} %): {reasons}"
