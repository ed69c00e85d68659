"""Progress callbacks, which long functions call with a stage, what is done of it, and the total."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with the stage, the number of items done, and the total (0 if it is not known yet)."""


def no_progress(_stage: str, _done: int, _total: int) -> None:
    """A progress callback that does nothing."""
