"""`python -m actionmae.cli`."""

import sys

from actionmae.cli.command import main

if __name__ == "__main__":
    sys.exit(main())
