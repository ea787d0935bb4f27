"""The cost of planning around the network that is planned through, and against the planners of other libraries.

One thread. CEM and MPPI make 450 predictions of 16 steps per decision and system (150 x 3 and 450 x 1), through a
generated expert with the inputs and outputs of cheetah_mix. "Its network" means the forward passes, matrix products and
activations, of that expert on that many rows and nothing else; "its products" the matrix products alone. Against these,
a decision includes folding the expert. Other libraries step the same folded expert and ask the same objective. B is the
number of systems planned for at once.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import torch
from timing import ratio
from torch import Tensor

from hyperdyn.models.base import ChangeExpert
from hyperdyn.models.folded import folded
from hyperdyn.nn.mlp import GeneratedMLP, MLPSpec
from hyperdyn.nn.normalise import Normaliser
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.planning.cem import CEM
from hyperdyn.planning.cost import trajectory_cost
from hyperdyn.planning.mppi import MPPI
from hyperdyn.types import Context, Expert, Plan, StateSpec

SPEC = StateSpec(obs_dim=18, action_dim=6, drop=(0,), angles=(2,))
H, N, ITERATIONS, ELITES = 16, 150, 3, 15
SMALL, LARGE = (64, 64), (128, 128, 128)
Call = Callable[[], object]
Result = dict[str, object]


def run(pairs: int = 30) -> list[Result]:
    """Ratios of decision times. A reference that is not installed is named and left out."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.no_grad():
            return [*_against_own_network(pairs), *_against_pytorch_mppi(pairs), *_against_torchrl(pairs)]
    finally:
        torch.set_num_threads(threads)


def reward(obs: Tensor, action: Tensor, next_obs: Tensor) -> Tensor:
    return next_obs[..., 9] - 0.1 * action.square().sum(-1)


def _net(hidden: tuple[int, ...], batch: int) -> GeneratedMLP:
    spec = MLPSpec((SPEC.input_dim, *hidden, SPEC.obs_dim))
    generator = torch.Generator().manual_seed(0)
    return GeneratedMLP(spec, torch.stack([spec.init(generator) for _ in range(batch)]))


def _adapt(net: GeneratedMLP) -> Expert:
    expert = ChangeExpert(Normaliser(SPEC), net)
    return folded(lambda context: expert)(Context.empty(1, SPEC))


def _decision(planner: AbstractPlanner, adapt: Callable[[], Expert], batch: int) -> Call:
    """One decision as the closed loop makes it, from an expert that is at hand or made for it."""
    generators = [torch.Generator().manual_seed(b) for b in range(batch)]
    obs = torch.zeros(batch, SPEC.obs_dim)

    def decide(warm: Plan | None) -> Plan:
        return planner.plan(trajectory_cost(adapt(), obs, reward), SPEC.action_dim, generators, warm)

    last = decide(None)
    return lambda: decide(last.shift())


def _cem() -> CEM:
    return CEM(horizon=H, candidates=N, iterations=ITERATIONS, elites=ELITES)


def _against_own_network(pairs: int) -> list[Result]:
    results: list[Result] = []
    for hidden, goal in ((LARGE, 1.3), (SMALL, 1.6)):
        for batch in (16, 1):
            net = _net(hidden, batch)
            x, repeats = torch.randn(batch, N, SPEC.input_dim), range(H * ITERATIONS)
            decide = _decision(_cem(), lambda net=net: _adapt(net), batch)
            size = f"{len(hidden)}x{hidden[0]}, B={batch}"
            whole = ratio(decide, lambda net=net, x=x, repeats=repeats: [net(x) for _ in repeats], pairs)
            products = ratio(decide, lambda net=net, x=x, repeats=repeats: [_products(net, x) for _ in repeats], pairs)
            # B = 16 is the tile that the closed loop plans in; alone, a step is too small to hide what is around it.
            results.append(_result(f"CEM against its network, {size}", whole, goal if batch == 16 else None, "lower"))
            results.append(_result(f"CEM against its products, {size}", products, None, "lower"))
    return results


def _products(net: GeneratedMLP, x: Tensor) -> Tensor:
    for weight, bias in net.layers:
        x = torch.baddbmm(bias, x, weight)
    return x


def _against_pytorch_mppi(pairs: int) -> list[Result]:
    try:
        import pytorch_mppi
    except ImportError as missing:
        return _left_out("pytorch_mppi", missing)
    results: list[Result] = []
    for hidden in (LARGE, SMALL):
        net = _net(hidden, 1)
        expert = _adapt(net)

        def dynamics(state: Tensor, action: Tensor, expert: Expert = expert) -> Tensor:
            return expert.step(state[None], action[None]).next_obs[0]

        theirs = pytorch_mppi.MPPI(
            dynamics,
            lambda state, action: -reward(state, action, state),
            SPEC.obs_dim,
            0.25 * torch.eye(SPEC.action_dim),
            num_samples=N * ITERATIONS,
            horizon=H,
            u_min=-torch.ones(SPEC.action_dim),
            u_max=torch.ones(SPEC.action_dim),
        )
        ours = _decision(MPPI(horizon=H, candidates=N * ITERATIONS), lambda expert=expert: expert, 1)
        obs = torch.zeros(SPEC.obs_dim)
        found = ratio(ours, lambda theirs=theirs, obs=obs: theirs.command(obs), pairs)
        label = f"MPPI against pytorch_mppi, {len(hidden)}x{hidden[0]}, B=1"
        results.append(_result(label, found, 1.0, "lower"))
    return results


def _against_torchrl(pairs: int) -> list[Result]:
    try:
        from torchrl_cem import decision
    except ImportError as missing:
        return _left_out("torchrl", missing)
    results: list[Result] = []
    for hidden, goal in ((LARGE, None), (SMALL, 4.0)):
        net = _net(hidden, 1)
        expert = _adapt(net)
        theirs = decision(expert, reward, SPEC, horizon=H, candidates=N, iterations=ITERATIONS, elites=ELITES)
        found = 1 / ratio(_decision(_cem(), lambda expert=expert: expert, 1), theirs, pairs)
        label = f"torchrl's CEM against ours, {len(hidden)}x{hidden[0]}, B=1"
        results.append(_result(label, found, goal, "higher"))
    return results


def _result(name: str, found: float, goal: float | None, better: str) -> Result:
    return {"name": name, "ratio": found, "goal": goal, "better": better}


def _left_out(package: str, missing: ImportError) -> list[Result]:
    warnings.warn(
        f"planners: {package} cannot be imported ({missing}): left out; `make bench` installs it", stacklevel=2
    )
    return []


if __name__ == "__main__":
    for result in run():
        goal = f"goal {result['goal']}" if result["goal"] is not None else "no goal"
        print(f"{result['name']:50s} {result['ratio']:6.2f}x  ({goal}, {result['better']} is better)")
