from __future__ import annotations

import mujoco
import numpy as np
import pytest

from hyperdyn.envs import load
from hyperdyn.envs.locomotion import cheetah
from hyperdyn.envs.locomotion.cheetah_mass import CheetahMass


@pytest.mark.parametrize("mass", [0.2, 1.0, 1.8])
def test_mass_is_that_of_a_model_compiled_with_another_total_mass(mass: float) -> None:
    spec = cheetah.spec(visual=False)
    spec.compiler.settotalmass = 14.0 * mass
    theirs, ours = cheetah.compiled(spec), CheetahMass(mass=mass).model
    for name in ("body_mass", "body_inertia", "body_subtreemass", "body_invweight0", "dof_invweight0", "dof_M0"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-12, err_msg=name)


def test_damping_is_the_power_that_joints_lose() -> None:
    def lost(damping: float) -> float:
        model = CheetahMass(damping=damping).model
        data = mujoco.MjData(model)
        data.qvel[3:] = np.arange(1, 7)
        mujoco.mj_forward(model, data)
        return float(-data.qfrc_damper @ data.qvel)

    c = np.array([6, 4.5, 3, 4.5, 3, 1.5])  # [N m s/rad], of half_cheetah.xml
    assert lost(1.0) == pytest.approx((c * np.arange(1, 7) ** 2).sum())
    assert lost(1.8) == pytest.approx(1.8 * lost(1.0))


def test_training_has_cadms_twenty_five_systems_and_interpolation_new_ones() -> None:
    family = load("cheetah_mass")
    known = {0.75, 0.85, 1.0, 1.15, 1.25}
    drawn = family.draw("train", 400, 0)
    assert len(np.unique(drawn, axis=0)) == 25
    assert set(np.unique(drawn)) == known
    between = family.draw("interpolation", 400, 0)
    assert not set(np.unique(between)) & known
    assert ((between > 0.75) & (between < 1.25)).all()
