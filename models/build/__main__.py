"""`python -m models.build`."""

import sys

from models.build.command import main

if __name__ == "__main__":
    sys.exit(main())
