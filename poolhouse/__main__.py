"""`python -m poolhouse`: the command line, for where its script is not on the path."""

import sys

from poolhouse.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
