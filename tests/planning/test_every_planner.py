"""Laws of every planner that has a file in conf/planner."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any, final

import pytest
import torch
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf
from torch import Tensor

import hyperdyn.conf
from hyperdyn.errors import ConfigError, ShapeError
from hyperdyn.planning.base import AbstractPlanner
from hyperdyn.types import Plan

FILES = sorted((Path(hyperdyn.conf.__file__).parent / "planner").glob("*.yaml"))
NAN = float("nan")
INF = float("inf")


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def file(request: pytest.FixtureRequest) -> Path:
    path: Path = request.param
    return path


def make(file: Path, **options: Any) -> AbstractPlanner:
    planner: AbstractPlanner = instantiate(OmegaConf.merge(OmegaConf.load(file), options))
    return planner


def generators(*seeds: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(s) for s in seeds]


def tracking(target: Tensor, gain: float = 1.0, effort: float = 0.0) -> Any:
    """Cost sum_t (gain a_t - target)^2 + effort a_t^2, target [B,1,1,A]; at its minimum each entry is clipped alone."""

    def cost(actions: Tensor) -> Tensor:
        return 100 * ((gain * actions - target).square() + effort * actions.square()).sum((2, 3))

    return cost


def test_finds_the_clipped_linear_quadratic_optimum(file: Path) -> None:
    target = torch.tensor([[0.3, -0.6], [1.2, 0.0], [-0.7, -1.3]])[:, None, None]
    planner, cost, own = make(file, horizon=1, candidates=1000, keep=1), tracking(target, 0.8, 0.2), generators(0, 1, 2)
    plan = planner.plan(cost, 2, own)
    for _ in range(3):
        plan = planner.plan(cost, 2, own, plan)
    optimum = (0.8 * target / (0.8**2 + 0.2)).clamp(-1, 1)
    assert (optimum.abs() == 1).sum() == 2
    torch.testing.assert_close(plan.actions, optimum[:, 0], atol=0.08, rtol=0)


def test_reaches_the_return_of_full_push(file: Path) -> None:
    """x_t = sum of actions so far, return sum_t x_t: a constant push a earns a H (H + 1) / 2, and a = 1 is the best."""
    H = 3
    planner = make(file, horizon=H, candidates=1000)

    def cost(actions: Tensor) -> Tensor:
        return -actions[..., 0].cumsum(dim=2).sum(dim=2)

    best = H * (H + 1) / 2
    for a in (1.0, -0.4):
        assert cost(torch.full((1, 1, H, 1), a)).item() == pytest.approx(-a * best)
    plan = planner.plan(cost, 1, generators(0))
    plan = planner.plan(cost, 1, generators(1), plan)
    assert -best <= plan.cost.item() < -0.85 * best
    assert cost(plan.actions[:, None]).item() < -0.8 * best


def test_a_plan_does_not_depend_on_the_batch(file: Path) -> None:
    planner, target = make(file), torch.linspace(-1.5, 1.5, 16).view(16, 1, 1, 1).expand(16, 1, 1, 6)

    def decide_twice(rows: slice) -> list[Plan]:
        cost, own = tracking(target[rows]), generators(*range(16)[rows])
        first = planner.plan(cost, 6, own)
        return [first, planner.plan(cost, 6, own, first.shift())]

    together, alone = decide_twice(slice(0, 16)), [decide_twice(slice(b, b + 1)) for b in range(16)]
    for i, plan in enumerate(together):
        assert torch.equal(plan.actions, torch.cat([plans[i].actions for plans in alone]))
        assert torch.equal(plan.elites, torch.cat([plans[i].elites for plans in alone]))
        assert torch.equal(plan.cost, torch.cat([plans[i].cost for plans in alone]))


def test_every_candidate_is_in_the_box(file: Path) -> None:
    seen = []
    wide = {} if file.stem == "random_shooting" else {"std": 3.0}

    def cost(actions: Tensor) -> Tensor:
        seen.append(actions.abs().max())
        return -actions.sum((2, 3))

    plan = make(file, **wide).plan(cost, 3, generators(0, 1))
    assert torch.stack(seen).max() <= 1
    assert plan.actions.abs().max() <= 1
    assert plan.elites.abs().max() <= 1


@pytest.mark.parametrize("poison", [NAN, INF, -INF])
def test_a_cost_that_is_no_number_never_wins(file: Path, poison: float) -> None:
    def cost(actions: Tensor) -> Tensor:
        push = actions[:, :, 0, 0]
        return torch.where(push > 0, poison, 100 * (push - 1).square())  # best just where it is poisoned

    plan = make(file).plan(cost, 2, generators(0, 1, 2))
    assert plan.cost.isfinite().all()
    assert (plan.actions[:, 0, 0] <= 0).all()


@pytest.mark.parametrize("poison", [NAN, -INF])
def test_where_no_candidate_has_a_cost_the_plan_stays(file: Path, poison: float) -> None:
    planner = make(file)

    def cost(actions: Tensor) -> Tensor:
        value = actions.square().sum((2, 3))
        value[0] = poison
        return value

    cold = planner.plan(cost, 2, generators(0, 1))
    assert cold.actions[0].abs().max() == 0
    assert cold.cost[0] == INF
    assert cold.cost[1].isfinite()
    warm = Plan(torch.full((2, planner.horizon, 2), 0.25), torch.zeros(2))
    assert torch.equal(planner.plan(cost, 2, generators(0, 1), warm).actions[0], warm.actions[0])


def test_a_warm_start_keeps_its_elites(file: Path) -> None:
    planner, target = make(file, keep=2), torch.rand(2, 1, 1, 3)
    perfect = target.expand(2, 4, planner.horizon, 3)
    warm = Plan(torch.zeros_like(perfect[:, 0]), torch.full((2,), INF), perfect)
    plan = planner.plan(tracking(target), 3, generators(0, 1), warm)
    assert torch.equal(plan.cost, torch.zeros(2))
    assert torch.equal(plan.elites[:, 0], perfect[:, 0])


def test_a_warm_start_moves_the_mean(file: Path) -> None:
    if file.stem == "random_shooting":
        pytest.skip("has no mean")
    target = torch.full((1, 1, 1, 6), 0.8)
    planner, cost = make(file), tracking(target)
    warm = Plan(target[:, 0].expand(1, planner.horizon, 6), torch.zeros(1))
    assert planner.plan(cost, 6, generators(0), warm).cost < planner.plan(cost, 6, generators(0)).cost


def test_the_best_cost_never_rises_while_elites_are_kept(file: Path) -> None:
    if file.stem == "random_shooting":
        pytest.skip("has one iteration")
    lowest, inner = [], tracking(torch.rand(3, 1, 1, 4))

    def cost(actions: Tensor) -> Tensor:
        value: Tensor = inner(actions)
        lowest.append(value.min(dim=1).values)
        return value

    make(file, iterations=6, keep=1, elites=2, candidates=8).plan(cost, 4, generators(0, 1, 2))
    assert len(lowest) == 6
    assert (torch.stack(lowest).diff(dim=0) <= 0).all()


def test_elites_come_best_first(file: Path) -> None:
    cost = tracking(torch.rand(3, 1, 1, 4))
    plan = make(file).plan(cost, 4, generators(0, 1, 2))
    value = cost(plan.elites)
    assert (value.diff(dim=1) >= 0).all()
    torch.testing.assert_close(value[:, 0], plan.cost)


def test_seeds_decide_and_nothing_else(file: Path) -> None:
    planner, cost = make(file), tracking(torch.zeros(1, 1, 1, 2))
    torch.manual_seed(1)
    first = planner.plan(cost, 2, generators(7)).actions
    torch.manual_seed(2)
    assert torch.equal(first, planner.plan(cost, 2, generators(7)).actions)
    assert not torch.equal(first, planner.plan(cost, 2, generators(8)).actions)


def test_gradients_are_not_recorded_but_can_be(file: Path) -> None:
    weight = torch.ones((), requires_grad=True)

    def cost(actions: Tensor) -> Tensor:
        with torch.enable_grad():
            (slope,) = torch.autograd.grad((weight * 3).sum(), weight)
        return (weight * slope * actions).sum((2, 3))

    assert not make(file).plan(cost, 2, generators(0)).actions.requires_grad


@pytest.mark.parametrize(
    "options",
    [
        {"horizon": 0},
        {"candidates": 0},
        {"elites": 0},
        {"elites": 10_000},
        {"keep": -1},
        {"keep": 10_000},
    ],
    ids=str,
)
def test_options_that_cannot_be_are_refused(file: Path, options: dict[str, Any]) -> None:
    with pytest.raises(Exception, match=next(iter(options))) as caught:
        make(file, **options)
    assert isinstance(caught.value.__cause__ or caught.value, ConfigError)


def test_what_does_not_fit_is_refused(file: Path) -> None:
    planner, cost = make(file), tracking(torch.zeros(2, 1, 1, 2))
    stale = Plan(torch.zeros(2, planner.horizon + 1, 2), torch.zeros(2))
    with pytest.raises(ShapeError, match="warm start"):
        planner.plan(cost, 2, generators(0, 1), stale)
    with pytest.raises(ShapeError, match=r"\[B,N\]"):
        planner.plan(lambda actions: actions.sum(3), 2, generators(0, 1))


def test_the_file_lists_every_option_with_its_default(file: Path) -> None:
    options = OmegaConf.to_container(OmegaConf.load(file))
    assert isinstance(options, dict)
    parameters = inspect.signature(get_class(options.pop("_target_"))).parameters
    assert list(options) == list(parameters)
    if file.stem == make(file).__module__.rsplit(".", 1)[-1]:  # others are made for a family
        assert options == {name: p.default for name, p in parameters.items()}


@final
class Tracking:
    """Distance from 0.5 for three systems with two actions: a cost that knows what it is asked for."""

    batch, device = 3, torch.device("cpu")

    def __init__(self, action_dim: int | None = 2) -> None:
        self.action_dim = action_dim

    def __call__(self, actions: Tensor) -> Tensor:
        return (actions - 0.5).square().sum((2, 3))


def test_a_cost_that_knows_its_size_needs_nothing_else(file: Path) -> None:
    planner, cost = make(file), Tracking()
    plan = planner.plan(cost)
    assert torch.equal(plan.actions, planner.plan(cost, 2, generators(0, 0, 0)).actions)
    warm = plan.shift()
    assert torch.equal(planner.plan(cost, warm=warm).actions, planner.plan(cost, 2, generators(0, 0, 0), warm).actions)


def test_what_a_cost_does_not_know_must_be_said(file: Path) -> None:
    planner = make(file)
    with pytest.raises(ConfigError, match=r"hyperdyn\.cost"):
        planner.plan(tracking(torch.zeros(1, 1, 1, 2)))
    with pytest.raises(ConfigError, match="action_dim=None"):
        planner.plan(Tracking(None))
    assert planner.plan(Tracking(None), action_dim=2).actions.shape[2] == 2
