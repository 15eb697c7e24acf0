"""`python -m models.build`."""

import sys

from models.build.command import main
from models.runtime.yielding import yield_often

if __name__ == "__main__":
    yield_often(if_idle=True)  # beside a service
    sys.exit(main())
