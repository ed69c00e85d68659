"""Run the server of a room: one process, one catalog, until it is interrupted."""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import uvicorn

from thresher.catalog.catalog import Catalog
from thresher.errors import CatalogError, ThresherError
from thresher.interfaces.web.access import AccessRules
from thresher.interfaces.web.app import create_app
from thresher.interfaces.web.server_key import read_or_create_key, token_of

PORT = 8377
END_SECONDS = 2
"""Seconds that open streams may take to end."""


@dataclass(frozen=True)
class ServeOptions:
    """How to serve: an address of this machine, and whether decisions are refused."""

    host: str = "127.0.0.1"
    port: int = PORT
    read_only: bool = False


def address(catalog: Catalog, host: str, port: int) -> str:
    """Return the address of a room with its token."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{port}/?token={token_of(read_or_create_key(catalog.root))}"


def serve(catalog: Catalog, options: ServeOptions, ready: Callable[[str], None]) -> None:
    """Serve a catalog until SIGINT or SIGTERM; `ready` gets the address once the port is open.

    Raises ThresherError if the port is in use, CatalogError if another server serves the catalog.
    """
    key = read_or_create_key(catalog.root)
    with _listening(options.host, options.port) as opened:
        app = create_app(catalog, AccessRules(key, (options.host,)), read_only=options.read_only)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            date_header=True,
            lifespan="on",
            timeout_graceful_shutdown=END_SECONDS,
            h11_max_incomplete_event_size=64 * 1024,
            limit_concurrency=200,
            timeout_keep_alive=30,
            ws="none",
        )
        server = _Server(config, app)
        ready(address(catalog, options.host, opened.getsockname()[1]))
        server.run(sockets=[opened])


class _Server(uvicorn.Server):
    """A server that ends its event streams before it waits for open connections."""

    def __init__(self, config: uvicorn.Config, app: Any) -> None:
        super().__init__(config)
        self._room = app.state.room

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then the server."""
        self._room.changes.stop()
        await super().shutdown(sockets)


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address. Raises ThresherError if it can't."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise ThresherError(f'no address of this machine is named "{host}": {error.strerror}') from error
    opened = socket.socket(family, kind, protocol)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        opened.bind(where)
        opened.listen(128)
    except OSError as error:
        with suppress(OSError):
            opened.close()
        if error.errno == errno.EADDRINUSE:
            raise ThresherError(
                f"port {port} is in use; end the program that uses it, or run `thresher serve --port {port + 1}`"
            ) from error
        raise ThresherError(f"can't listen at {host}:{port}: {error.strerror}") from error
    return opened


__all__ = ["PORT", "CatalogError", "ServeOptions", "address", "serve"]
