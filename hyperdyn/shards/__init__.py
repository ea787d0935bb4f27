"""Trajectories on disk, and the windows of them that models learn from."""

from hyperdyn.shards.format import Header, ShardInfo, Trajectories
from hyperdyn.shards.store import ShardStore

__all__ = ["Header", "ShardInfo", "ShardStore", "Trajectories"]
