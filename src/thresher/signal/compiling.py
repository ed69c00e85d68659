"""Use numba's cache of compiled functions on the disk if it is intact, and do without it if it fails.

numba loads whatever its cache files hold: a damaged one raises any error, ends the process, or computes other
values. So a file beside each of them holds its SHA-256. A cache file that does not match is removed, and the
function is compiled again.
"""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

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


@contextmanager
def checked_cache(function: Any) -> Iterator[None]:
    """A block that compiles a function of numba with `cache=True`, or others of the same module.

    Damaged cache files of the module are removed before the block. Those that the block writes get a digest after
    it. Raises OSError if a damaged file cannot be removed.
    """
    folder = Path(function.stats.cache_path)
    pattern = f"{Path(function.py_func.__code__.co_filename).stem}.*.nb[ic]"
    before = {path: digest for path in folder.glob(pattern) if (digest := _intact(path))}
    yield
    for path in folder.glob(pattern):
        with suppress(FileNotFoundError):  # another process may have found it damaged
            digest = _sha256(path)
            if before.get(path) != digest:
                _digest_file(path).write_text(digest)


def _intact(path: Path) -> str | None:
    """Return the digest of a cache file; remove the file, and return None, if it is not what numba wrote."""
    try:
        digest = _sha256(path)
        if _digest_file(path).read_bytes() == digest.encode():
            return digest
    except FileNotFoundError:
        pass
    path.unlink(missing_ok=True)
    return None


def _digest_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
