"""The objects that are pushed, by number.

    numbers             what                                                    split, as the YAML's intervals say
    0 to 1599           even: a mesh of the wheel, odd: a seeded polygon        train
    1600 to 1799        the same kinds                                          interpolation: objects never seen
    2000 and more       seeded unions of boxes and cylinders                    extrapolation: a kind never seen

A number is the same object for ever. A factor `shape` names the object of its integer part.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from hyperdyn.envs.pushing.bodies import Body
from hyperdyn.envs.pushing.meshes import FIT, mesh
from hyperdyn.envs.pushing.procedural import polygon, union
from hyperdyn.envs.pushing.scales import HEIGHT, RADIUS
from hyperdyn.errors import ConfigError

UNIONS = 2000
"""First number of the unions; below it are meshes and polygons."""


@lru_cache(maxsize=64)
def object_of(number: int) -> Body:
    """Object `number` at scale 1: its centroid over the origin, its lowest point at height 0, [m].

    Raises:
        ConfigError: there is no such object.
        ConfigError: PyBullet's data are not installed.
    """
    if not (0 <= number < 2 * len(FIT) or number >= UNIONS):
        expected = f"0 to {2 * len(FIT) - 1}, or {UNIONS} and more"
        raise ConfigError("there is no such object to push", got=number, expected=expected)
    rng = np.random.default_rng([number, 9])
    radius = rng.uniform(*RADIUS)
    if number >= UNIONS:
        return sized(union(rng), radius)
    if number % 2:
        return sized(polygon(rng), radius)
    return sized(mesh(FIT[number // 2]), radius)


def sized(body: Body, radius: float) -> Body:
    """The body with this radius over the table [m], centred; flattened where it is higher than it may be."""
    centroid, _ = body.mass_properties()
    body = body.moved(shift=-np.array([*centroid[:2], body.vertices[:, 2].min()]))
    across = radius / body.radius
    # A prism's height is in metres already; a mesh's is in units of its own, as its width is.
    up = 1.0 if body.height <= HEIGHT[1] else min(across, HEIGHT[1] / body.height)
    return body.moved(scale=np.array([across, across, up]))
