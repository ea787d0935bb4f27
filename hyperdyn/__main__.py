"""`python -m hyperdyn` is `hyperdyn`."""

import sys

from hyperdyn.cli import main

sys.exit(main())
