"""Watch the catalog for changes by this or another program, and report them to the open pages.

One thread reads what is newest a few times a second: a few look-ups in indexes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.latest import Latest, latest
from thresher.errors import ThresherError, UpgradedError

EVERY = 0.4
"""Seconds between two looks."""

_PATIENCE = 1.0
"""Seconds that the end waits for the last look, which waits itself if the catalog is locked."""

QUEUED = 32
"""Changes that wait for a slow page; then it gets only the latest state, which is all it needs."""


@dataclass(frozen=True)
class Change(Latest):
    """What is newest in the catalog, or why the catalog can't be read now."""

    trouble: str | None = None

    def plain(self) -> dict[str, float | str | None]:
        """Return the change as plain values."""
        return asdict(self)


class Changes:
    """Watches a catalog between `start` and `stop`; `stream` yields the changes."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._listeners: set[asyncio.Queue[Change | None]] = set()
        self.now = Change()
        self._has_looked = False
        self.refusal: UpgradedError | None = None
        """Why no request can be answered now."""

    def start(self) -> None:
        """Begin to watch; call it on the event loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._watch, name="changes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the watch and all streams; call it on the event loop."""
        self._stop.set()
        for queue in self._listeners:
            _put(queue, None)  # streams that begin later find that the watch has stopped
        if self._thread is not None:
            self._thread.join(_PATIENCE)

    async def stream(self) -> AsyncIterator[Change]:
        """Yield the present state, then every change until the watch stops."""
        queue: asyncio.Queue[Change | None] = asyncio.Queue(QUEUED)
        self._listeners.add(queue)
        try:
            if self._has_looked:
                yield self.now
            while not self._stop.is_set() and (change := await queue.get()) is not None:
                yield change
        finally:
            self._listeners.discard(queue)

    def _watch(self) -> None:
        last: Change | None = None
        scored = 0
        while True:
            refusal = None
            try:
                change = Change(**asdict(latest(self._catalog)))
                if change.scored != scored and last is not None:  # reported when the rows stop growing
                    scored, change = change.scored, replace(change, scored=last.scored)
            except UpgradedError as error:
                refusal = error
                change = replace(last or Change(), trouble=str(error))
            except ThresherError as error:
                change = replace(last or Change(), trouble=str(error))
            except Exception as error:  # noqa: BLE001  the next look may succeed
                change = replace(last or Change(), trouble=f"unexpected {type(error).__name__}: {error}")
            self.refusal = refusal
            if change != last:
                last = change
                self._tell(change)
            if self._stop.wait(EVERY):
                return

    def _tell(self, change: Change) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._spread, change)

    def _spread(self, change: Change) -> None:
        self.now, self._has_looked = change, True  # on the event loop, so that no stream gets a change twice
        for queue in self._listeners:
            _put(queue, change)


def _put(queue: asyncio.Queue[Change | None], change: Change | None) -> None:
    """Add a change; a full queue loses its oldest one."""
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(change)
