"""Requests take turns: a limited number of each kind runs at once, so that slow queries never delay sound."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from thresher.catalog.text.time_limit import query_limit

QUERY_SECONDS = 20.0
"""How long the statements of one request that only reads may take."""

WAIT_SECONDS = 20.0
"""How long a request waits for its turn."""

PICTURES = 2
"""Pictures that are made at once: each computes, and more would take the time of sound."""

BUSY = "the server is busy; try again in a moment"

UNLIMITED = ("/api/changes", "/api/openapi.json")


class BusyError(Exception):
    """No place became free in time."""


@dataclass
class Places:
    """Places for one kind of request."""

    count: int
    _free: asyncio.Semaphore = field(init=False)

    def __post_init__(self) -> None:
        self._free = asyncio.Semaphore(self.count)

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a place and hold it for the block. Raises BusyError."""
        try:
            await asyncio.wait_for(self._free.acquire(), WAIT_SECONDS)
        except TimeoutError:
            raise BusyError from None
        try:
            yield
        finally:
            self._free.release()


class Turns:
    """ASGI middleware that lets requests pass when a place of their kind is free.

    All places together are fewer than the threads of the server, so that a request that passes runs at once.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._reads = Places(6)
        self._changes = Places(3)
        self._pictures = Places(PICTURES)
        self._sounds = Places(16)
        self._files = Places(3)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on when it is its turn."""
        places = self._places(scope)
        if places is None:
            await self._app(scope, receive, send)
            return
        try:
            async with places.take():
                if places is self._reads:
                    with query_limit(QUERY_SECONDS):
                        await self._app(scope, receive, send)
                else:
                    await self._app(scope, receive, send)
        except BusyError:
            answer = JSONResponse({"error": BUSY, "position": None}, 503, {"retry-after": "5"})
            await answer(scope, receive, send)

    def _places(self, scope: Scope) -> Places | None:
        if scope["type"] != "http" or (path := scope["path"]) in UNLIMITED:
            return None
        if path.startswith("/audio/"):
            return self._sounds
        if path.startswith("/files"):
            return self._files
        if path.startswith(("/thumbnails/", "/peaks/", "/spectra/", "/landmarks/")):
            return self._pictures
        if path.startswith("/api/"):
            return self._reads if scope["method"] in ("GET", "HEAD") else self._changes
        return None
