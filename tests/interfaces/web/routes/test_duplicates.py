"""Duplicates over HTTP."""

from __future__ import annotations

import time

from fastapi.testclient import TestClient


def test_pairs_are_there_after_some_time_and_none_is_not_an_error(client: TestClient) -> None:
    assert client.get("/api/duplicates", params={"q": "epoch:77"}).json()["ready"]
    until = time.monotonic() + 60
    while not (found := client.get("/api/duplicates").json())["ready"] and time.monotonic() < until:
        time.sleep(0.05)
    assert found == {"ready": True, "progress": 1, "pairs": []}
    assert client.get("/api/duplicates", params={"q": "epcoh:1"}).status_code == 400


def test_copies_are_listed_by_id(client: TestClient) -> None:
    assert client.get("/api/copies", params={"ids": "1,2,99"}).json() == {"copies": []}
    assert client.get("/api/copies", params={"ids": "1;2"}).status_code == 422
