"""Listening sessions over HTTP are the queue of `thresher listen`."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

pytestmark = pytest.mark.usefixtures("as_before")


def test_a_session_is_judged_skipped_and_finished_with_a_tally(client: TestClient) -> None:
    begun = client.post("/api/listening", json={"query": "epoch:0..1", "minutes": 5}).json()["session"]
    order = [clip["id"] for clip in begun["clips"]]
    assert sorted(order) == [1, 2, 3, 4]
    assert (begun["left"], begun["unheard"]) == (4, 0)
    started = {"not_before": begun["started_at"]}
    made = client.post("/api/heard", json={"clips": [order[0]], "rating": 4, **started}).json()
    client.post("/api/heard", json={"clips": [order[1]], "rejected": True, **started})
    session = client.post("/api/listening/skip", json={"clip": order[2]}).json()["session"]
    assert [clip["done"] for clip in session["clips"]] == [True, True, True, False]
    assert session["left"] == 1
    assert client.post("/api/listening/finish", json={}).json()["found"] == 1
    session = client.get("/api/listening").json()["session"]
    assert session["left"] == 0
    assert [sum(each[name] for each in session["checkpoints"]) for name in ("clips", "kept", "rejected")] == [
        4,
        3,
        1,
    ]
    client.post("/api/undo", json={"decision": made["decision"]})
    assert client.get("/api/listening").json()["session"]["left"] == 1


def test_sessions_that_cannot_be_are_refused(client: TestClient) -> None:
    assert client.post("/api/listening", json={"minutes": 0}).status_code == 422
    assert client.post("/api/listening", json={"query": "epoch:77"}).status_code == 404
    assert client.post("/api/listening", json={"query": "epcoh:1"}).status_code == 400
    client.post("/api/listening", json={})
    assert client.post("/api/listening/skip", json={"clip": 99}).status_code == 404
