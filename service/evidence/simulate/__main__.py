"""`python -m service.evidence.simulate`."""

import sys

from service.evidence.simulate.command import main

if __name__ == "__main__":
    sys.exit(main())
