"""`thresher` and `python -m thresher`.

Worker processes read this module again, so it imports nothing by itself.
"""

from __future__ import annotations

import gc
import sys


def main() -> int:
    """Run the command line; the exit code."""
    # a command makes many objects that stay and few cycles: to look for those at every step is wasted
    gc.set_threshold(50_000, 20, 20)
    from thresher.interfaces.cli.main import run

    code = run(sys.argv[1:])
    gc.freeze()  # the process ends: to look through all that it made would take a tenth of a listing's time
    return code


if __name__ == "__main__":
    sys.exit(main())
