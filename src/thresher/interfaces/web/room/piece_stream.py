"""An answer that is made piece by piece in threads, and that ends with its client."""

from __future__ import annotations

from collections.abc import Generator, Mapping

import anyio
from anyio import to_thread
from fastapi.responses import JSONResponse
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from thresher.errors import AudioError


class PieceStream(Response):
    """An answer from a generator, which is closed at the end and when the client leaves.

    `length` is the number of bytes, None if it is not known before the end. An AudioError before the first bytes is
    answered with 409 and its sentence, another error as the application answers it. Later, the connection ends
    early, by which the client sees that something is missing. Empty pieces let the server look whether the client
    is there.
    """

    def __init__(
        self,
        pieces: Generator[bytes, None, None],
        length: int | None,
        status: int,
        headers: Mapping[str, str],
        kind: str,
    ) -> None:
        super().__init__(None, status, headers, kind)
        if length is None:
            del self.headers["content-length"]
        else:
            self.headers["content-length"] = str(length)
        self._pieces = pieces

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the pieces until they end or the client leaves."""
        try:
            async with anyio.create_task_group() as group:

                async def watch_client() -> None:
                    while (await receive())["type"] != "http.disconnect":
                        pass
                    group.cancel_scope.cancel()

                group.start_soon(watch_client)
                await self._send(scope, receive, send)
                group.cancel_scope.cancel()
        except ExceptionGroup as errors:
            first = errors.exceptions[0]  # the application has an answer for it, but not for the group
            raise first from None
        finally:
            with anyio.CancelScope(shield=True):
                await to_thread.run_sync(self._pieces.close)

    async def _send(self, scope: Scope, receive: Receive, send: Send) -> None:
        start = {"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers}
        begun = False
        try:
            while (piece := await to_thread.run_sync(next, self._pieces, None)) is not None:
                if not piece:
                    continue
                if not begun:
                    begun = True
                    await send(start)
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except AudioError as error:
            if begun:
                return
            await JSONResponse({"error": str(error), "position": None}, 409)(scope, receive, send)
        else:
            if not begun:
                await send(start)  # of an empty file
            await send({"type": "http.response.body", "body": b""})
