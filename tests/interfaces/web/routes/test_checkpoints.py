"""Checkpoints over HTTP: figures, verdicts as decisions, and the comparison of two."""

from __future__ import annotations

from fastapi.testclient import TestClient

from thresher.catalog.catalog import Catalog
from thresher.curation.checkpoints.summary import checkpoints
from thresher.curation.cutting.undo import undo


def test_figures_are_those_of_the_command(client: TestClient, shelf: Catalog) -> None:
    rows = client.get("/api/checkpoints").json()["checkpoints"]
    assert [(row["run"], row["epoch"], row["recordings"]) for row in rows] == [
        ("night", 0, 2),
        ("night", 1, 2),
    ]
    assert rows[0]["minutes_kept"] == checkpoints(shelf)[0].minutes_kept
    some = client.get("/api/checkpoints", params={"q": "epoch:1"}).json()["checkpoints"]
    assert [row["epoch"] for row in some] == [1]


def test_a_verdict_is_a_decision_that_can_be_undone(client: TestClient, shelf: Catalog) -> None:
    body = {"checkpoint": "night e1", "verdict": "keep", "note": "crackles"}
    made = client.post("/api/checkpoints/verdict", json=body).json()
    assert checkpoints(shelf)[1].verdict == "keep"
    assert client.post("/api/checkpoints/verdict", json=body).json()["decision"] is None
    undo(shelf, made["decision"])
    assert checkpoints(shelf)[1].verdict is None
    for wrong, status in (("gnight e1", 404), ("night", 400)):
        assert (
            client.post("/api/checkpoints/verdict", json={**body, "checkpoint": wrong}).status_code == status
        )
    assert client.post("/api/checkpoints/verdict", json={**body, "verdict": "great"}).status_code == 400


def test_two_checkpoints_are_compared(client: TestClient) -> None:
    found = client.get("/api/checkpoints/compare", params={"first": "night e0", "second": "night e1"}).json()
    figures = {each["figure"]: each for each in found["differences"]}
    assert (found["first"], found["second"]) == ("night e0", "night e1")
    assert figures["loudness"]["clips_first"] == 2
    assert client.get("/api/checkpoints/compare", params={"first": "night e0"}).status_code == 422
