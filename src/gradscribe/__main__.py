"""`python -m gradscribe`: the command line."""

import sys

from gradscribe.transpiler.cli import main

if __name__ == "__main__":
    sys.exit(main())
