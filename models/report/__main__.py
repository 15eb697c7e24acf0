"""`python -m models.report`."""

import sys

from models.report.command import main

if __name__ == "__main__":
    sys.exit(main())
