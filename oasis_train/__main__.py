"""`python -m oasis_train`, for launchers that start a module."""

import sys

from oasis_train.cli import main

if __name__ == "__main__":
    sys.exit(main())
