"""Looking at a model in the middle of its training without leaving a trace."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from torch import nn


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """Inside, the model is in evaluation mode and no gradients are taken.

    Afterwards every module's mode and every random generator (torch, CUDA, NumPy, Python) are what they were, so that
    training goes on as if nothing had happened.

    Not `inference_mode`: a method may differentiate inside `adapt`.
    """
    modes = [(m, m.training) for m in model.modules()]
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 - others' code may draw from the old generator
    gpu = [torch.cuda.current_device()] if torch.cuda.is_initialized() else []
    try:
        with torch.random.fork_rng(gpu), torch.no_grad():
            model.eval()
            yield
    finally:
        random.setstate(python)
        np.random.set_state(numpy)  # noqa: NPY002
        for module, training in modes:
            module.training = training
