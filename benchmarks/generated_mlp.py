"""B generated networks against one shared network of the same size, on the same number of rows.

One thread, and its processor time, so that waiting for a busy machine does not count. The two are timed in turn and
compared pair by pair: what is left of other work, its share of the caches, hits both.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import torch

from hyperdyn.nn.mlp import GeneratedMLP, MLPSpec, mlp

B, N = 32, 64
INPUTS, OUTPUTS = 24, 18  # cheetah_mix
WIDTHS = (64, 128)
GOALS = {"forward": 1.1, "forward and backward": 1.2}


def run(pairs: int = 60, repeats: int = 5) -> list[dict[str, object]]:
    """Time of the generated networks over that of the shared one, the median over pairs; lower is better."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        results: list[dict[str, object]] = []
        for width in WIDTHS:
            spec = MLPSpec((INPUTS, width, width, OUTPUTS))
            for name, (ours, plain) in {"forward": _forward(spec), "forward and backward": _backward(spec)}.items():
                ratio = _ratio(ours, plain, pairs, repeats)
                goal = GOALS[name]
                label = f"generated expert against a shared network, {name}, 2x{width}"
                results.append({"name": label, "ratio": ratio, "goal": goal, "better": "lower"})
        return results
    finally:
        torch.set_num_threads(threads)


def _forward(spec: MLPSpec) -> tuple[Callable[[], None], Callable[[], None]]:
    x, theta, shared = _inputs(spec)
    net = GeneratedMLP(spec, theta.detach())

    @torch.no_grad()
    def ours() -> None:
        net(x)

    @torch.no_grad()
    def plain() -> None:
        shared(x)

    return ours, plain


def _backward(spec: MLPSpec) -> tuple[Callable[[], None], Callable[[], None]]:
    x, theta, shared = _inputs(spec)
    parameters = list(shared.parameters())
    direction = torch.randn(B, N, spec.sizes[-1])

    def ours() -> None:
        torch.autograd.grad(GeneratedMLP(spec, theta)(x), theta, direction)

    def plain() -> None:
        torch.autograd.grad(shared(x), parameters, direction)

    return ours, plain


def _inputs(spec: MLPSpec) -> tuple[torch.Tensor, torch.Tensor, torch.nn.Module]:
    generator = torch.Generator().manual_seed(0)
    theta = torch.stack([spec.init(generator) for _ in range(B)]).requires_grad_()
    return torch.randn(B, N, spec.sizes[0], generator=generator), theta, mlp(spec.sizes, spec.activation)


def _ratio(ours: Callable[[], None], plain: Callable[[], None], pairs: int, repeats: int) -> float:
    for warm_up in (ours, plain):
        _seconds(warm_up, repeats)
    ratios = []
    for i in range(pairs):
        if i % 2:  # neither is always the first to run
            mine, theirs = _seconds(ours, repeats), _seconds(plain, repeats)
        else:
            theirs, mine = _seconds(plain, repeats), _seconds(ours, repeats)
        ratios.append(mine / theirs)
    return median(ratios)


def _seconds(call: Callable[[], None], repeats: int) -> float:
    start = time.process_time()
    for _ in range(repeats):
        call()
    return time.process_time() - start


if __name__ == "__main__":
    for result in run():
        print(f"{result['name']:70s} {result['ratio']:.2f}x  (goal: at most {result['goal']}x)")
