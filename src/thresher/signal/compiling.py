"""numba's cache on disk, and what is done where it fails: a cache is not worth a failure."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import TypeVar

Compiled = TypeVar("Compiled")


def with_cache(compiled: Callable[[bool], Compiled]) -> Compiled:
    """`compiled(True)`, which is to use numba's cache; `compiled(False)`, which is not, where the cache fails.

    It fails where there is nowhere to write (RuntimeError), the disk is full, or a cache file was cut short.
    """
    try:
        return compiled(True)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError):
        return compiled(False)
