"""`python -m loadtest.serving`."""

import sys

from loadtest.serving.command import main

if __name__ == "__main__":
    sys.exit(main())
