"""`python -m models.figures`."""

import sys

from models.figures.command import main

if __name__ == "__main__":
    sys.exit(main())
