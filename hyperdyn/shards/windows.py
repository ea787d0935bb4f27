"""From blocks to batches: the rows of many windows gathered at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from hyperdyn.shards.blocks import Block
from hyperdyn.shards.episodes import Codes, split_codes
from hyperdyn.shards.format import ShardInfo, Trajectories
from hyperdyn.types import Batch, Context, Transitions

Floats = NDArray[np.float32]
Load = Callable[[ShardInfo], Trajectories]


def gather(blocks: Sequence[Block], horizon: int, load: Load) -> Batch:
    """The batch of B blocks with N windows of T = horizon steps each.

    The context is as long as the longest of the blocks'; in the others, rows past the end are zero and masked.
    Each system's rows are copied once, whatever they are for: the parts of the batch are views of two arrays.
    """
    N, T = len(blocks[0].query), horizon
    count = np.array([len(b.context) for b in blocks])
    K = int(count.max())
    mask = np.arange(K) < count[:, None]  # [B,K]
    codes = np.zeros((len(blocks), N + K), np.int64)
    codes[:, :N] = [b.query for b in blocks]
    codes[:, N:][mask] = np.concatenate([b.context for b in blocks])

    obs, action = _take(blocks, codes, N, T, load)
    query_obs = obs[:, : N * (T + 1)].unflatten(1, (N, T + 1))
    context_obs = obs[:, N * (T + 1) :].unflatten(1, (K, 2))
    context_action = action[:, N * T :]
    keep = torch.from_numpy(mask)
    if not mask.all():
        context_obs[~keep] = 0.0
        context_action[~keep] = 0.0
    return Batch(
        context=Context(Transitions(context_obs[:, :, 0], context_action, context_obs[:, :, 1]), keep),
        query=Transitions(query_obs[:, :, :-1], action[:, : N * T].unflatten(1, (N, T)), query_obs[:, :, 1:]),
        system=torch.tensor([b.episodes.system for b in blocks]),
        factors=torch.tensor([b.episodes.infos[0].factors for b in blocks], dtype=torch.float32),
    )


def _take(blocks: Sequence[Block], codes: Codes, N: int, T: int, load: Load) -> tuple[torch.Tensor, torch.Tensor]:
    """obs [B,N(T+1)+2K,S] and action [B,NT+K,A] from the codes [B,N+K] of N windows and K transitions each."""
    shard, episode, t = split_codes(codes)
    room = np.ones((len(blocks), int(shard.max()) + 1), np.int64)
    for b, block in enumerate(blocks):
        room[b, : len(block.episodes.infos)] = [info.steps + 1 for info in block.episodes.infos[: room.shape[1]]]
    row = episode * np.take_along_axis(room, shard, axis=1) + t  # [B,N+K] among the observations of the shard

    data = [[load(info) for info in block.episodes.infos] for block in blocks]
    taken = []
    for parts, first, widths in (
        ([[d.obs for d in each] for each in data], row, (T + 1, 2)),
        ([[d.action for d in each] for each in data], row - episode, (T, 1)),
    ):
        at = _spread(first, N, widths, 1)
        out = np.empty((*at.shape, parts[0][0].shape[-1]), np.float32)
        whose = _spread(shard, N, widths, 0) if room.shape[1] > 1 else np.zeros_like(at)
        for b, sources in enumerate(parts):
            _take_rows(sources, whose[b], at[b], out[b])
        taken.append(torch.from_numpy(out))
    return taken[0], taken[1]


def _spread(first: Codes, N: int, widths: tuple[int, int], stride: int) -> Codes:
    """Runs that begin at first [B,N+K]: of widths[0] rows for the first N, of widths[1] rows for the others."""
    parts = first[:, :N], first[:, N:]
    runs = [part[..., None] + stride * np.arange(width) for part, width in zip(parts, widths, strict=True)]
    return np.concatenate([run.reshape(len(first), -1) for run in runs], axis=1)


def _take_rows(sources: Sequence[Floats], shard: Codes, rows: Codes, out: Floats) -> None:
    """out[i] = row rows[i], counted over all episodes, of source shard[i]."""
    if len(sources) == 1:
        flat = sources[0].reshape(-1, sources[0].shape[-1])
        flat.take(rows, axis=0, out=out, mode="clip")  # without "clip", numpy copies through a buffer
        return
    for i in np.unique(shard):
        chosen = shard == i
        out[chosen] = sources[i].reshape(-1, out.shape[-1]).take(rows[chosen], axis=0)
