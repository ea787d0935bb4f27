"""The family keeps what it declares."""

import hyperdyn
from hyperdyn.envs.checks import check_family


def test_it_has_no_fault() -> None:
    assert check_family(hyperdyn.family("viscous_swimmer")) == []
