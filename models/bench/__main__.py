"""`python -m models.bench`."""

import sys

from models.bench.command import main

if __name__ == "__main__":
    sys.exit(main())
