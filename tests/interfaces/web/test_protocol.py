"""Clients that send or read too slowly are cut off."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from thresher.interfaces.web import protocol
from thresher.interfaces.web.protocol import RoomProtocol

LIMIT = 0.3


async def endless(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer /endless with bytes until the client leaves, and everything else with "ok" after its body."""
    if scope["path"] != "/endless":
        while (await receive()).get("more_body"):
            pass
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"ok"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": []})
    while not scope["state"]["left"].is_set():
        await send({"type": "http.response.body", "body": bytes(1 << 16), "more_body": True})
        await asyncio.sleep(0)


@pytest.fixture
def port(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """A server whose limits are short."""
    monkeypatch.setattr(protocol, "REQUEST_SECONDS", LIMIT)
    monkeypatch.setattr(protocol, "STALL_SECONDS", LIMIT)
    left = threading.Event()

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await endless({**scope, "state": {"left": left}}, receive, send)

    config = uvicorn.Config(
        app,
        http=RoomProtocol,
        lifespan="off",
        log_config=None,
        timeout_graceful_shutdown=1,
        timeout_keep_alive=1,
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as opened:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [opened]})
        thread.start()
        yield opened.getsockname()[1]
        left.set()
        server.should_exit = True
        thread.join()


def is_cut_off(client: socket.socket) -> bool:
    """Read until the server ends the connection."""
    client.settimeout(20)
    try:
        while client.recv(1 << 16):
            pass
    except ConnectionResetError:
        return True
    except TimeoutError:
        return False
    return True


@pytest.mark.parametrize(
    "begun",
    [
        b"",
        b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{",
        b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT",
    ],
    ids=["nothing", "head", "body", "second"],
)
def test_a_request_that_does_not_arrive_is_cut_off(port: int, begun: bytes) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(begun)
        assert is_cut_off(client)


def test_a_client_that_reads_nothing_is_cut_off(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"GET /endless HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(4 * LIMIT)
        assert is_cut_off(client)


def test_a_complete_request_is_answered_however_long_the_client_waits_for_the_next(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.settimeout(20)
        for _ in range(2):
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
            answer = b""
            while not answer.endswith(b"ok"):
                answer += client.recv(1000)
            time.sleep(2 * LIMIT)
