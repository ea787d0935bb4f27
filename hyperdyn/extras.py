"""Packages that hyperdyn works without, imported when something needs them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from hyperdyn.errors import ConfigError

EXTRAS = {
    "huggingface_hub": "hub",
    "minari": "minari",
    "onnx": "onnx",
    "onnxruntime": "onnx",
    "onnxscript": "onnx",
    "pyarrow": "parquet",
    "pybullet": "pushing",
    "pybullet_data": "pushing",
    "pybullet_utils": "pushing",
}
"""Package to the extra of setup.cfg that brings it."""

LIMITS = {"pushing": "Linux and Python 3.11, for which alone PyBullet has a wheel; all else works without it"}
"""Extra to where alone it can be installed."""


def optional(module: str, purpose: str) -> Any:
    """An optional package, or a part of it such as `pyarrow.parquet`.

    Raises:
        ConfigError: it is not installed; names the extra.
    """
    try:
        return import_module(module)
    except ImportError as error:
        extra = EXTRAS[module.split(".")[0]]
        raise ConfigError(
            f"{purpose} needs a package that is not installed",
            got=str(error),
            expected=LIMITS.get(extra),
            fix=f"pip install 'hyperdyn[{extra}]', or in a clone: pip install -e '.[{extra}]'",
        ) from error
