"""Where on the table the object is, from what the cameras see."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from hyperdyn.errors import ConfigError
from hyperdyn.nn.vision.geometry import Cloud


def checked_workspace(workspace: Sequence[float]) -> tuple[float, ...]:
    """As it was given. Raises ConfigError if it is no x low, x high, y low, y high [m]."""
    if len(workspace) != 4 or not (workspace[0] < workspace[1] and workspace[2] < workspace[3]):
        raise ConfigError("workspace", got=list(workspace), expected="x low, x high, y low, y high [m]")
    return tuple(workspace)


@torch.no_grad()
def locate(cloud: Cloud, workspace: Sequence[float], table: float = 0.0, tallest: float = 0.3) -> Tensor:
    """Pose [B,3] of the object: the middle of its points' extent in x and y, and a yaw of 0, which nobody can see.

    Its points are those of `Cloud.of_object` within the workspace (x low, x high, y low, y high [m]) and below the
    tallest object [m]. The middle of the extent does not depend on how many pixels show which
    side, as a mean would; the two in a hundred farthest points on each side do not count. Not a number where no such
    point was seen.
    """
    x_low, x_high, y_low, y_high = workspace
    x, y, z = cloud.point.unbind(-1)
    on = cloud.of_object(table).seen & (z < table + tallest)
    on &= (x >= x_low) & (x <= x_high) & (y >= y_low) & (y <= y_high)
    flat = torch.where(on.unsqueeze(-1), cloud.point[..., :2], torch.nan)  # [B,M,2]
    low, high = (_quantile(flat, q) for q in (0.02, 0.98))
    middle = (low + high) / 2
    return torch.cat([middle, torch.zeros_like(middle[:, :1])], dim=-1)


def _quantile(values: Tensor, share: float) -> Tensor:
    """[B,2] of values [B,M,2], those that are not a number left out."""
    ordered = values.sort(dim=1).values  # what is not a number comes last
    count = torch.isfinite(values).sum(1)  # [B,2]
    at = ((count - 1).clamp(min=0) * share).round().long()
    return ordered.gather(1, at.unsqueeze(1)).squeeze(1)
