"""Watch folders while a room is served, in a thread of the same process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Self

from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.watch import WatchEvent, WatchOptions, WatchReport, check_watch, watch

END_SECONDS = 30.0
"""Seconds that an ingest may take to end: it finishes the file that it reads."""


class Watch:
    """A watch of folders that runs in a `with` block; see `curation.ingest.watch`.

    `report` holds the totals after the block. Raises what `watch` raises for folders and options that are wrong.
    """

    def __init__(
        self,
        catalog: Catalog,
        folders: Sequence[str | bytes | os.PathLike[str]],
        options: WatchOptions,
        tell: Callable[[WatchEvent], None],
        failed: Callable[[Exception], None],
    ) -> None:
        check_watch(catalog, folders, options)
        self._catalog = catalog
        self._folders = folders
        self._options = options
        self._tell = tell
        self._failed = failed
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch", daemon=True)
        self.report: WatchReport | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        try:
            self.report = watch(
                self._catalog,
                self._folders,
                self._options,
                wait=self._wait,
                tell=self._tell,
                progress=self._progress,
            )
        except Exception as error:  # noqa: BLE001  the room goes on without the watch, and says why
            self._failed(error)

    def _wait(self, seconds: float) -> bool:
        return not self._stop.wait(seconds)

    def _progress(self, _what: str, _done: int, _total: int) -> None:
        """Interrupt an ingest as Ctrl-C does; what it committed stays."""
        if self._stop.is_set():
            raise KeyboardInterrupt
