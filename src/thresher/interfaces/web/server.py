"""Run the server of a room: one process, one catalog, until a signal ends it."""

from __future__ import annotations

import errno
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn

from thresher.catalog.catalog import Catalog
from thresher.errors import ThresherError
from thresher.interfaces.web.access import AccessRules
from thresher.interfaces.web.addresses import is_loopback, is_wildcard, names_of_this_machine, url
from thresher.interfaces.web.app import create_app
from thresher.interfaces.web.protocol import RoomProtocol
from thresher.interfaces.web.room_lock import room_lock, running_address
from thresher.interfaces.web.server_key import read_or_create_key, token_of
from thresher.interfaces.web.watching import Watch

PORT = 8377
END_SECONDS = 2
"""Seconds that open streams may take to end."""

MOST_CONNECTIONS = 200
"""With more connections at once, a request is answered with 503."""

_ENDING = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))


@dataclass(frozen=True)
class ServeOptions:
    """How to serve: an address of this machine, and the sentence with which every change is refused, if it is.

    With a `password`, the page asks for it, and the printed address carries no token. With `debug`, the server
    prints the tracebacks of unexpected errors.
    """

    host: str = "127.0.0.1"
    port: int = PORT
    refusal: str | None = None
    password: str | None = None
    debug: bool = False


def link(catalog: Catalog) -> str:
    """Return the address, with a token, of the server that serves a catalog now.

    Raises ThresherError if none does.
    """
    where = running_address(catalog.root)
    if where is None:
        raise ThresherError(f"no server serves {catalog.file} now; run `thresher serve`")
    return f"{where}?token={token_of(read_or_create_key(catalog.root))}"


def serve(
    catalog: Catalog, options: ServeOptions, ready: Callable[[str], None], watch: Watch | None = None
) -> int | None:
    """Serve a catalog until a signal arrives, and return its number.

    `ready` gets the address once the port is open. A `watch` runs meanwhile. Raises ThresherError if the port is in
    use, CatalogError if another server serves the catalog.
    """
    with room_lock(catalog.root) as lock, _listening(options.host, options.port) as opened:
        key = read_or_create_key(catalog.root)
        names = () if is_loopback(options.host) else names_of_this_machine(options.host)
        rules = AccessRules(key, names, options.password)
        app = create_app(catalog, rules, refusal=options.refusal)
        server = _Server(_config(app, options), app.state.room.changes.stop)
        shown = socket.gethostname() if is_wildcard(options.host) else options.host
        where = url(shown, opened.getsockname()[1])
        lock.announce(where)
        with watch if watch is not None else nullcontext(), server.capture_signals():
            ready(where if options.password is not None else f"{where}?token={token_of(key)}")
            server.run(sockets=[opened])
        return server.signal


def _config(app: Any, options: ServeOptions) -> uvicorn.Config:
    log = logging.getLogger("uvicorn.error")
    log.setLevel(logging.WARNING if options.debug else logging.CRITICAL + 1)
    return uvicorn.Config(
        app,
        loop="asyncio",
        http=RoomProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,  # who connects decides, not what a header claims
        limit_concurrency=MOST_CONNECTIONS,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=END_SECONDS,
        h11_max_incomplete_event_size=64 * 1024,
    )


class _Server(uvicorn.Server):
    """A server that ends its event streams before it waits for open connections, and remembers the signal."""

    def __init__(self, config: uvicorn.Config, end_streams: Callable[[], None]) -> None:
        super().__init__(config)
        self._end_streams = end_streams
        self.signal: int | None = None

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End the streams, then the server."""
        self._end_streams()
        await super().shutdown(sockets)

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """A block in which a signal ends the server, and a second one ends it without waiting.

        A signal that is ignored at the start stays ignored, so that `nohup thresher serve` survives its terminal.
        """
        heard = [number for number in _ENDING if signal.getsignal(number) is not signal.SIG_IGN]
        before = {number: signal.signal(number, self.handle_exit) for number in heard}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002  as signal calls it
        """Note a signal."""
        self.force_exit = self.should_exit
        self.should_exit = True
        self.signal = self.signal or sig


def _listening(host: str, port: int) -> socket.socket:
    """Return a socket that listens at an address. Raises ThresherError if it can't."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except (OSError, UnicodeError) as error:
        why = getattr(error, "strerror", None) or "the name is invalid"
        raise ThresherError(
            f'no address of this machine is named "{host}": {why}; give --host an address of it, such as 127.0.0.1'
        ) from error
    opened = socket.socket(family, kind, protocol)
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(where)
        opened.listen(128)
    except OSError as error:
        with suppress(OSError):
            opened.close()
        raise ThresherError(_why_not_listening(error, host, port)) from error
    return opened


def _why_not_listening(error: OSError, host: str, port: int) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"port {port} is in use; end the program that uses it, or run `thresher serve --port {_other(port)}`"
    if error.errno == errno.EACCES:
        return f"port {port} needs the rights of an administrator; run `thresher serve --port {PORT}`"
    if error.errno == errno.EADDRNOTAVAIL:
        return f'"{host}" is not an address of this machine; `--host 0.0.0.0` listens at all that it has'
    return f"can't listen at {host}, port {port}: {error.strerror}"


def _other(port: int) -> int:
    return port + 1 if port < 65535 else PORT


__all__ = ["PORT", "ServeOptions", "Watch", "link", "serve"]
