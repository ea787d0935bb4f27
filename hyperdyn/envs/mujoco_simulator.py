"""Many MuJoCo systems of one family side by side, through `mujoco.rollout`."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, final

import mujoco
import numpy as np
from mujoco import rollout

from hyperdyn.envs.mujoco import AbstractMujocoEnv, initial_state
from hyperdyn.envs.simulator import AbstractSimulator, Array
from hyperdyn.errors import EnvError

if TYPE_CHECKING:
    from hyperdyn.envs.spec import Family

FULL = int(mujoco.mjtState.mjSTATE_FULLPHYSICS)  # what mujoco.rollout reads and writes: time, positions, velocities


@final
class MujocoSimulator(AbstractSimulator):
    """One compiled model per system.

    A rollout agrees with stepping the environment to the last bit, over a whole episode, in one call or cut into
    several: the last state of a rollout carries the solver's warm start. The states on the way do not (`mujoco.rollout`
    does not report it, they hold zeros); continuing from one of those agrees to the solver's tolerance.

    env: the environment's class.
    threads: threads that share the rows; results do not depend on it.
    """

    def __init__(self, family: Family, factors: Array, *, env: type[AbstractMujocoEnv], threads: int = 1) -> None:
        self.batch = len(factors)
        self.env = env
        self.factors = [dict(zip(family.factor_names, map(float, row), strict=True)) for row in factors]
        self.models = [env.build({**family.env_kwargs, **row}, visual=False) for row in self.factors]
        self.threads = threads
        self._workers = [_Worker(self.models[0]) for _ in range(threads)] if self.models else []

    def reset(self, seeds: Sequence[int]) -> Array:
        data = self._workers[0].data
        return np.stack([initial_state(self.env, m, data, seed) for m, seed in zip(self.models, seeds, strict=True)])

    def observe(self, state: Array) -> Array:
        return self.env.observe(state)

    def state_of(self, obs: Array) -> Array:
        motion = self.env.motion_of(np.asarray(obs, dtype=np.float64))
        warm = np.zeros((*motion.shape[:-1], self.models[0].nv))
        return np.concatenate([motion, warm], axis=-1)

    def rollout(self, state: Array, action: Array) -> Array:
        self.check_shapes(state, action)
        B, N, T, _ = action.shape
        out = np.empty((B, N, T, state.shape[-1]))
        if T == 0:
            return out
        rows = [(b, n) for b in range(B) for n in range(N)]
        if self.threads == 1:
            self._run(self._workers[0], rows, state, action, out)
            return out
        shares = [rows[i :: self.threads] for i in range(self.threads)]
        with ThreadPoolExecutor(self.threads) as pool:
            jobs = [
                pool.submit(self._run, worker, share, state, action, out)
                for worker, share in zip(self._workers, shares, strict=True)
            ]
        for job in jobs:
            job.result()
        return out

    def segments(self, system: int, state: Array) -> Array:
        """Axes of the system's capsules and balls in the side view [n,2,2]: segment, end, (x, z) [m].

        A ball is drawn as its diameter along its own x axis.
        """
        model, data = self.models[system], self._workers[0].data
        data.qpos[:] = state[: model.nq]
        mujoco.mj_kinematics(model, data)
        ball = model.geom_type == mujoco.mjtGeom.mjGEOM_SPHERE
        drawn = ball | (model.geom_type == mujoco.mjtGeom.mjGEOM_CAPSULE)
        axis = np.where(ball[:, None], data.geom_xmat[:, [0, 6]], data.geom_xmat[:, [2, 8]])  # (x, z) of their axes
        half = (np.where(ball, model.geom_size[:, 0], model.geom_size[:, 1])[:, None] * axis)[drawn]  # [n, 2]
        centre = data.geom_xpos[drawn][:, [0, 2]]
        return np.stack([centre - half, centre + half], axis=1)

    def ground(self, system: int, x: Array, state: Array) -> Array | None:
        """Height [...] of the system's ground at x [...] in the side view [m], in a state [X]."""
        return self.env.ground(self.models[system], x, state)

    def _run(self, worker: _Worker, rows: list[tuple[int, int]], state: Array, action: Array, out: Array) -> None:
        skip = self.env.frame_skip
        for b, n in rows:
            control = action[b, n].repeat(skip, axis=0)
            worker.roll(self.models[b], state[b, n], control, skip, out[b, n])
            if not worker.finished:
                raise EnvError(
                    f"system {b} diverged in MuJoCo",
                    got=f"factors {self.factors[b]}",
                    expected="accelerations that stay finite",
                    fix="narrow the ranges of the factors, or lower the physics time step",
                )


class _Worker:
    """What one thread needs to roll out one row after the other."""

    def __init__(self, model: mujoco.MjModel) -> None:
        self.data = mujoco.MjData(model)
        self.finished = True
        self._rollout = rollout.Rollout(nthread=0)
        self._full = np.zeros((1, mujoco.mj_stateSize(model, FULL)))
        self._motion = slice(1, 1 + model.nq + model.nv)

    def roll(self, model: mujoco.MjModel, state: Array, control: Array, skip: int, out: Array) -> None:
        """Roll out one row: state [X] and control [T*skip,A] to out [T,X]."""
        steps, motion = len(control), model.nq + model.nv
        full = np.empty((1, steps, self._full.shape[1]))
        self._full[0, self._motion] = state[:motion]
        self._rollout.rollout(
            [model],
            [self.data],
            self._full,
            np.ascontiguousarray(control[None], dtype=np.float64),
            nstep=steps,
            initial_warmstart=np.ascontiguousarray(state[None, motion:]),
            state=full,
            sensordata=np.empty((1, steps, model.nsensordata)),
            skip_checks=True,
        )
        # MuJoCo answers divergence by starting over, at time zero.
        self.finished = full[0, -1, 0] > (steps - 0.5) * model.opt.timestep
        out[:, :motion] = full[0, skip - 1 :: skip, self._motion]
        out[:-1, motion:] = 0.0
        out[-1, motion:] = self.data.qacc_warmstart
