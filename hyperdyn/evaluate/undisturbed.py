"""Looking at a model in the middle of its training without leaving a trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from lightning.pytorch.utilities.seed import isolate_rng
from torch import nn


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Inside, the model is in evaluation mode and no gradients are taken.

    Afterwards every module's mode and every random generator (torch, CUDA, NumPy, Python) are what they were, so that
    training goes on as if nothing had happened.

    Not `inference_mode`: a method may differentiate inside `adapt`.
    """
    modes = [(m, m.training) for m in model.modules()]
    with isolate_rng(), torch.no_grad():
        model.eval()
        try:
            yield
        finally:
            for module, training in modes:
                module.training = training
