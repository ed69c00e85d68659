"""`thresher` and `python -m thresher`.

Worker processes read this module again, so it imports nothing by itself.
"""

from __future__ import annotations

import sys


def main() -> int:
    """Run the command line; the exit code."""
    from thresher.interfaces.cli.main import run

    return run(sys.argv[1:])


if __name__ == "__main__":
    sys.exit(main())
