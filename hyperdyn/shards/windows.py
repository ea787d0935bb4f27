"""From blocks to batches: the rows of many windows gathered at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from hyperdyn.shards.blocks import Block
from hyperdyn.shards.episodes import Codes, Episodes, split_codes
from hyperdyn.shards.format import ShardInfo, Trajectories
from hyperdyn.types import Batch, Context, Transitions

Floats = NDArray[np.float32]
Load = Callable[[ShardInfo], Trajectories]


@dataclass(frozen=True, slots=True)
class Rows:
    """One system's shards as plain rows, where row e (L+1) + t of obs is step t of episode e."""

    obs: tuple[Floats, ...]  # of each shard [E (L+1), S]
    action: tuple[Floats, ...]  # of each shard [E L, A]
    room: Codes  # of each shard L + 1

    @classmethod
    def of(cls, episodes: Episodes, load: Load) -> Rows:
        data = [load(info) for info in episodes.infos]
        obs = tuple(d.obs.reshape(-1, d.obs.shape[-1]) for d in data)
        action = tuple(d.action.reshape(-1, d.action.shape[-1]) for d in data)
        return cls(obs, action, np.array([info.steps + 1 for info in episodes.infos]))


def gather(blocks: Sequence[Block], horizon: int, load: Load) -> Batch:
    """The batch of blocks whose shards are not mapped yet; see `assemble`."""
    return assemble(blocks, [Rows.of(block.episodes, load) for block in blocks], horizon)


def assemble(blocks: Sequence[Block], systems: Sequence[Rows], horizon: int) -> Batch:
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
    obs, action = _take(systems, codes, N, T)

    query_obs = obs[:, : N * (T + 1)].unflatten(1, (N, T + 1))
    context_obs = obs[:, N * (T + 1) :].unflatten(1, (K, 2))
    context_action = action[:, N * T :]
    keep = torch.from_numpy(mask)
    if not mask.all():
        context_obs.masked_fill_(~keep[:, :, None, None], 0.0)
        context_action.masked_fill_(~keep[:, :, None], 0.0)
    return Batch(
        context=Context(Transitions(context_obs[:, :, 0], context_action, context_obs[:, :, 1]), keep),
        query=Transitions(query_obs[:, :, :-1], action[:, : N * T].unflatten(1, (N, T)), query_obs[:, :, 1:]),
        system=torch.tensor([b.episodes.system for b in blocks]),
        factors=torch.tensor([b.episodes.infos[0].factors for b in blocks], dtype=torch.float32),
    )


def _take(systems: Sequence[Rows], codes: Codes, N: int, T: int) -> tuple[torch.Tensor, torch.Tensor]:
    """obs [B,N(T+1)+2K,S] and action [B,NT+K,A] from the codes [B,N+K] of N windows and K transitions each."""
    shard, episode, t = split_codes(codes)
    row = t + episode * np.stack([s.room[i] for s, i in zip(systems, shard, strict=True)])  # [B,N+K]
    obs = _copy([s.obs for s in systems], shard, row, N, (T + 1, 2))
    return obs, _copy([s.action for s in systems], shard, row - episode, N, (T, 1))


def _copy(
    sources: Sequence[tuple[Floats, ...]], shard: Codes, first: Codes, N: int, widths: tuple[int, int]
) -> torch.Tensor:
    """Runs of rows that begin at first [B,N+K]: of widths[0] rows for the first N, of widths[1] rows for the others."""
    rows = _spread(first, N, widths, 1)
    out = np.empty((*rows.shape, sources[0][0].shape[-1]), np.float32)
    for b, parts in enumerate(sources):
        if len(parts) == 1:
            parts[0].take(rows[b], 0, out[b], "clip")  # any other mode copies through a buffer
            continue
        whose = _spread(shard[b : b + 1], N, widths, 0)[0]
        for i in np.unique(shard[b]):
            chosen = whose == i
            out[b, chosen] = parts[i].take(rows[b, chosen], 0)
    return torch.from_numpy(out)


def _spread(first: Codes, N: int, widths: tuple[int, int], stride: int) -> Codes:
    runs = [p[..., None] + stride * np.arange(w) for p, w in zip((first[:, :N], first[:, N:]), widths, strict=True)]
    return np.concatenate([run.reshape(len(first), -1) for run in runs], axis=1)
