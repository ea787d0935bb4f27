"""Does an environment keep what its family declares? Every fault at once."""

from hyperdyn.envs.checks.checking import check_family
from hyperdyn.envs.checks.fault import Fault

__all__ = ["Fault", "check_family"]
