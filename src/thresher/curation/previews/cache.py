"""A cache of small files beside the catalog. It is bounded, and can be deleted at any time.

Names are made of what the content depends on, so an entry never becomes wrong. Files are written under another
name and renamed. What was used longest ago goes first.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from thresher.catalog.settings.own_files import CACHE_FOLDER

LARGEST = 512 << 20
"""The most bytes of all entries together."""

_CHECK_EVERY = 4 << 20


class PreviewCache:
    """Entries in the folder `catalog.cache` of a catalog's folder; safe to use from several threads.

    If the folder can't be written, every entry is made again.
    """

    def __init__(self, root: Path, largest: int = LARGEST) -> None:
        self._folder = root / CACHE_FOLDER
        self._largest = largest
        self._written = _CHECK_EVERY  # the first entry looks how much there is
        self._lock = threading.Lock()

    def get(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return the entry of a name; make and keep it if there is none."""
        content = self.find(name)
        if content is None:
            content = make()
            self.put(name, content)
        return content

    def find(self, name: str) -> bytes | None:
        """Return the entry of a name, None if there is none."""
        path = self._path(name)
        with suppress(OSError):
            content = path.read_bytes()
            os.utime(path)
            return content
        return None

    def put(self, name: str, content: bytes) -> None:
        """Keep an entry."""
        with suppress(OSError):
            self._keep(self._path(name), content)

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name

    def _keep(self, path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
        try:
            partial.write_bytes(content)
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)
        with self._lock:
            self._written += len(content)
            if self._written >= _CHECK_EVERY:
                self._written = 0
                self._shrink()

    def _shrink(self) -> None:
        """Remove what was used longest ago until a quarter of the room is free again, if there is too much."""
        entries = []
        for folder, _, names in os.walk(self._folder):
            for name in names:
                with suppress(OSError):
                    state = os.stat(os.path.join(folder, name))
                    entries.append((state.st_mtime_ns, state.st_size, os.path.join(folder, name)))
        total = sum(size for _, size, _ in entries)
        if total <= self._largest:
            return
        for _, size, file in sorted(entries):
            if total <= self._largest * 3 // 4:
                return
            with suppress(OSError):
                os.unlink(file)
                total -= size
