"""`python -m models.predict`."""

import sys

from models.predict.command import main

if __name__ == "__main__":
    sys.exit(main())
