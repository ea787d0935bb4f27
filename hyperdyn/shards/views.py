"""What cameras saw at some moments of a shard's episodes: a file beside the shard, every picture compressed by itself.

A `.views` file is a safetensors file. `data` holds PNG files one after the other, three of each moment (colour; depth
in 16 bits; the object's mask, one bit), each with its V pictures below each other; `end` [M,3] says where each of them
ends, and `episode`, `step` [M] which moment it is. Cameras and pose are those of each moment; the true shape is that of
the system.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, final

import numpy as np
import safetensors.numpy
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors import SafetensorError, safe_open

from hyperdyn.errors import ShardError
from hyperdyn.shards.format import Fault, ShardInfo
from hyperdyn.shards.reader import damaged, views_fault
from hyperdyn.views import Solid, Views

DEPTH_UNIT = 1e-4
"""[m] Depths are stored as whole numbers of these, up to 6.5535 m; what is farther, or none, is 0, no depth."""
DEEPEST = np.iinfo(np.uint16).max

Moment = tuple[int, int, Views]
"""Episode, step, and what was seen of the one system then."""


def views_bytes(moments: Iterable[Moment]) -> bytes:
    """The file of these moments. Equal contents give equal bytes.

    Colours are stored in 8 bits and depths in `DEPTH_UNIT`; what has been read back is stored again without loss.

    Raises:
        ShardError: there are no moments, or they differ in what they hold.
    """
    episodes, steps, views = [], [], []
    pictures: list[bytes] = []
    for episode, step, seen in moments:  # pictures are compressed as they come, so that few are held at once
        episodes.append(episode)
        steps.append(step)
        pictures += _pictures(seen)
        views.append(_without_pictures(seen))
    if not views or len({_shapes(v) for v in views}) > 1:
        raise ShardError("the views of a system are not alike", got=sorted({str(_shapes(v)) for v in views}))
    first = views[0]
    arrays: dict[str, Any] = {
        "data": np.frombuffer(b"".join(pictures), np.uint8),
        "end": np.cumsum([len(p) for p in pictures]).reshape(-1, 3).astype(np.int64),
        "episode": np.array(episodes, np.int32),
        "step": np.array(steps, np.int32),
        "size": np.array(first.depth.shape[1:], np.int32),
        **{k: np.concatenate([_floats(getattr(v, k)) for v in views]) for k in ("intrinsics", "extrinsics")},
    }
    if first.pose is not None:
        arrays["pose"] = np.concatenate([_floats(v.pose) for v in views])
    if first.solid is not None:
        solid = first.solid
        arrays |= {"solid": np.packbits(solid.occupancy.numpy()), "cells": np.array(solid.occupancy.shape[-1:])}
        arrays |= {"solid_size": _floats(solid.size), "solid_yaw": _floats(solid.yaw)}
    return safetensors.numpy.save(arrays)


@final
class ShardViews:
    """The moments of one shard at which cameras looked, mapped into memory: a picture is read when it is asked for.

    episode, step: [M] which moments. file: its name within the folder.
    """

    def __init__(self, root: Path, info: ShardInfo) -> None:
        """
        Raises:
            ShardError: the file is missing, truncated or holds no views.
        """
        self._root, self._info = root, info
        self.file = info.views_file
        self.episode: NDArray[np.int32]
        self.step: NDArray[np.int32]
        reason = views_fault(root / info.views_file, info)
        if reason is None:
            try:
                with safe_open(root / info.views_file, framework="pt") as file:
                    self._arrays = {name: file.get_tensor(name).numpy() for name in file.keys()}  # noqa: SIM118
                self.episode, self.step = self._arrays["episode"], self._arrays["step"]
            except (SafetensorError, KeyError) as error:
                reason = f"views: not readable: {error}"
        if reason is not None:
            raise self._damaged(reason)

    def __len__(self) -> int:
        return len(self.episode)

    def at(self, moment: int) -> Views:
        """What was seen at one of the M moments, B = 1.

        Raises:
            ShardError: the pictures are not what was written.
        """
        a = self._arrays
        V, h, w = a["size"].tolist()
        try:
            rgb, depth, mask = (_decode(png) for png in self._png(moment))
            rgb, depth = rgb.reshape(V, h, w, 3), depth.reshape(V, h, w)
        except (OSError, SyntaxError, ValueError) as error:  # which is what Pillow raises of broken files
            raise self._damaged(f"pictures of moment {moment} are not readable: {error}") from error
        colour = np.ascontiguousarray(rgb.transpose(0, 3, 1, 2), np.float32) / 255
        here = slice(moment, moment + 1)
        return Views(
            torch.from_numpy(colour)[None],
            torch.from_numpy(depth.astype(np.float32) * np.float32(DEPTH_UNIT))[None],
            torch.from_numpy(a["intrinsics"][here].copy()),
            torch.from_numpy(a["extrinsics"][here].copy()),
            mask=torch.from_numpy(mask.reshape(V, h, w).copy())[None] if mask.size > 1 else None,
            pose=torch.from_numpy(a["pose"][here].copy()) if "pose" in a else None,
            solid=self._solid(),
        )

    def _png(self, moment: int) -> list[bytes]:
        ends = self._arrays["end"].reshape(-1)
        starts = np.concatenate([[0], ends[:-1]])
        return [self._arrays["data"][starts[i] : ends[i]].tobytes() for i in range(3 * moment, 3 * moment + 3)]

    def _solid(self) -> Solid | None:
        a = self._arrays
        if "solid" not in a:
            return None
        n = int(a["cells"][0])
        bits = np.unpackbits(a["solid"], count=n**3).astype(bool).reshape(1, n, n, n)
        return Solid(torch.from_numpy(bits), *(torch.from_numpy(a[k].copy()) for k in ("solid_size", "solid_yaw")))

    def _damaged(self, reason: str) -> ShardError:
        return damaged(self._root, [Fault(self._info, reason)])


def _pictures(views: Views) -> tuple[bytes, bytes, bytes]:
    """PNG files of the colours, depths and mask of one system; a single black pixel stands for no mask."""
    rgb = (views.rgb[0].clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).flatten(0, 1).numpy()
    depth = views.depth[0].double().flatten(0, 1).nan_to_num(nan=0, posinf=0, neginf=0) / DEPTH_UNIT
    whole = depth.round().clamp(min=0)
    stored = torch.where(whole <= DEEPEST, whole, 0).numpy().astype(np.uint16)
    mask = np.zeros((1, 1), bool) if views.mask is None else views.mask[0].flatten(0, 1).numpy()
    return _encode(rgb), _encode(stored), _encode(mask)


def _encode(picture: NDArray[Any]) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG", compress_level=6)
    return buffer.getvalue()


def _decode(png: bytes) -> NDArray[Any]:
    with Image.open(io.BytesIO(png)) as image:
        return np.asarray(image)


def _floats(values: torch.Tensor | None) -> NDArray[np.float32]:
    assert values is not None
    return values.numpy().astype(np.float32)


def _without_pictures(views: Views) -> Views:
    """The same with pictures of no bytes, but of their shapes."""
    rgb, depth = (torch.empty(v.shape, device="meta") for v in (views.rgb, views.depth))
    mask = None if views.mask is None else torch.empty(views.mask.shape, device="meta")
    return replace(views, rgb=rgb, depth=depth, mask=mask)


def _shapes(views: Views) -> tuple[Any, ...]:
    solid = None if views.solid is None else tuple(views.solid.occupancy.shape)
    return tuple(views.rgb.shape), views.mask is None, views.pose is None, solid
