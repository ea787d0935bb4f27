"""What can go wrong when something leaves as a file."""

from __future__ import annotations

from hyperdyn.errors import HyperdynError


class ExportError(HyperdynError):
    """A method, or a part of it, that cannot leave as a file."""


class ParityError(HyperdynError):
    """A file that does not do what the model does."""
