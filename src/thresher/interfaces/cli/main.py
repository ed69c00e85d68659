"""The one place where errors become sentences and exit codes."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from thresher.errors import ThresherError


def run(arguments: Sequence[str]) -> int:
    """Run a command line; its exit code: 1 failed, 2 usage, 3 catalog, 4 not found, 5 done in part, 130."""
    from thresher.interfaces.cli import demo, finding, ingesting, judging, songs  # noqa: F401  they register
    from thresher.interfaces.cli.app import app, context

    try:
        app(list(arguments), prog_name="thresher")
    except ThresherError as error:
        if context.debug:
            raise
        _say(f"error: {error}")
        return error.exit_code
    except BrokenPipeError:  # `thresher list | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except SystemExit as stop:
        return stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except KeyboardInterrupt:
        _say("interrupted; what was committed stays, and the same command goes on from there")
        return 130
    except Exception as error:
        if context.debug:
            raise
        _say(f"error: unexpected {type(error).__name__}: {error}; run again with --debug before the command")
        return 1
    return 0


def _say(sentence: str) -> None:
    # file names may hold anything: what would move the cursor is shown, not sent
    print("".join(c if c.isprintable() else repr(c)[1:-1] for c in sentence), file=sys.stderr)  # noqa: T201
