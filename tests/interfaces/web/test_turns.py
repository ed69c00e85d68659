"""Slow queries end, and delay neither sound nor decisions."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest
from fastapi.testclient import TestClient
from starlette.types import Message, Receive, Scope, Send

from thresher.catalog.text import time_limit
from thresher.interfaces.web import turns
from thresher.interfaces.web.turns import Turns


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time_limit, "SECONDS", 0.3)


@pytest.mark.usefixtures("short")
def test_an_expression_that_backtracks_without_end_hangs_no_thread(client: TestClient) -> None:
    def ask(_number: int) -> int:
        return client.get("/api/clips", params={"q": "path::(n|nn|[ni]|i|g|h|t|/|_|.|..)*X"}).status_code

    with ThreadPoolExecutor(8) as many:
        hostile = [many.submit(ask, number) for number in range(8)]
        assert client.get("/audio/1").status_code == 200
        assert client.post("/api/rating", json={"clips": [1], "rating": 2}).status_code == 200
        assert {each.result(timeout=60) for each in hostile} <= {200, 400}
    client.post("/api/undo", json={})


def test_a_request_that_gets_no_turn_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turns, "WAIT_SECONDS", 0.05)

    async def trial() -> list[int]:
        go_on, statuses = asyncio.Event(), []

        async def slow(_scope: Scope, _receive: Receive, _send: Send) -> None:
            await go_on.wait()

        async def receive() -> Message:
            return {"type": "http.request"}

        async def send(message: Message) -> None:
            if message["type"] == "http.response.start":
                statuses.append(message["status"])

        app = Turns(slow)
        scope = {"type": "http", "method": "GET", "path": "/thumbnails/1", "headers": []}
        first = [asyncio.create_task(app(scope, receive, send)) for _ in range(turns.PICTURES)]
        await asyncio.sleep(0.01)
        await app(scope, receive, send)
        go_on.set()
        await asyncio.gather(*first)
        return statuses

    assert asyncio.run(trial()) == [503]
