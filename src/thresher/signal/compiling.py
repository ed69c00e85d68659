"""Use numba's cache of compiled functions on the disk, and do without it if it fails."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import TypeVar

Compiled = TypeVar("Compiled")


def with_cache(compiled: Callable[[bool], Compiled]) -> Compiled:
    """Return `compiled(True)`, which uses numba's cache, or `compiled(False)`, which does not, if the cache
    fails.

    The cache fails if no folder is writable (RuntimeError), the disk is full, or a cache file is truncated.
    """
    try:
        return compiled(True)
    except (RuntimeError, OSError, EOFError, pickle.UnpicklingError):
        return compiled(False)
