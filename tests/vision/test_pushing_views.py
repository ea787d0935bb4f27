"""What PyBullet's cameras see of an object lies on the object."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch.nn.functional import max_pool3d

pytest.importorskip("pybullet", reason="PyBullet has wheels for Linux and Python 3.11 only")

from hyperdyn.envs import load
from hyperdyn.envs.simulator import HasCameras
from hyperdyn.nn.vision.geometry import Cube, unproject, voxelise
from hyperdyn.nn.vision.localise import locate
from hyperdyn.nn.vision.solid import occupied


def test_points_of_the_object_are_of_its_true_shape_in_its_own_frame() -> None:
    """At two poses; the shape is told by the mesh, the points by depth, calibration and pose."""
    family = load("pushing")
    simulator = family.simulate(family.draw("train", 2, 0))
    assert isinstance(simulator, HasCameras)
    states = simulator.reset([0, 1])
    cube = Cube(cells=24, size=0.18)
    for system in range(2):
        views = simulator.views(system, states[system])
        assert views.pose is not None
        assert views.solid is not None
        cloud = unproject(views).of_object()
        points = voxelise(cloud.points(), cube, views.pose)[0, 0] > 0
        assert cloud.seen.sum() > 100
        assert points.sum() > 50
        full = occupied(views.solid, cube, views.pose).float()
        near = max_pool3d(full, 3, stride=1, padding=1)[0] > 0
        assert (points & near).sum() >= 0.98 * points.sum()
        other = occupied(views.solid, cube, views.pose, views.pose + torch.tensor([0.03, 0.02, 0.0])).float()
        assert (points & (max_pool3d(other, 3, stride=1, padding=1)[0] > 0)).sum() < 0.9 * points.sum()
        found = locate(unproject(views), (-0.5, 0.5, -0.5, 0.5))[0, :2]
        assert np.hypot(*(found - views.pose[0, :2]).numpy()) < 0.03
