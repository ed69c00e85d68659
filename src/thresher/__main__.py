"""The entry point of `thresher` and `python -m thresher`.

Worker processes import this module again, so it imports nothing at module level.
"""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line and return its exit code."""
    # a command makes many long-lived objects and few cycles, so frequent collections waste time
    gc.set_threshold(50_000, 20, 20)
    from thresher.interfaces.cli.main import run

    code = run(sys.argv[1:])
    gc.freeze()  # skip the last collection, which would take a tenth of the time of a listing
    return code


if __name__ == "__main__":
    sys.exit(main())
