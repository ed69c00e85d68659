"""The map over HTTP: computed once in the background, with values for its colours."""

from __future__ import annotations

import time
from typing import Any

from fastapi.testclient import TestClient

from thresher.catalog.catalog import Catalog
from thresher.curation.comparison.clip_map import clip_map


def computed(client: TestClient, query: str) -> dict[str, Any]:
    for _ in range(600):
        found: dict[str, Any] = client.get("/api/map", params={"q": query}).json()
        if found["ready"]:
            return found
        assert 0 <= found["progress"] <= 1
        time.sleep(0.1)
    raise AssertionError("the map is not ready after a minute")


def test_the_map_is_that_of_the_verb(client: TestClient, shelf: Catalog) -> None:
    found = computed(client, "")
    expected = clip_map(shelf)
    assert found["ids"] == [point.clip for point in expected]
    assert found["x"] == [round(point.x, 5) for point in expected]
    assert found["y"] == [round(point.y, 5) for point in expected]
    assert client.get("/api/map", params={"q": "id-"}).json()["ready"]  # the same clips, in another order


def test_a_query_without_clips_has_an_empty_map(client: TestClient) -> None:
    assert client.get("/api/map", params={"q": "epoch:99"}).json() == {
        "ready": True,
        "progress": 1.0,
        "ids": [],
        "x": [],
        "y": [],
    }
    assert client.get("/api/map", params={"q": "epoch="}).status_code == 400


def test_values_are_those_of_the_field(client: TestClient) -> None:
    found = client.get("/api/values", params={"field": "epoch", "q": "id-"}).json()
    assert (found["kind"], dict(zip(found["ids"], found["values"], strict=True))) == (
        "number",
        {1: 0, 2: 0, 3: 1, 4: 1},
    )
    assert client.get("/api/values", params={"field": "rating"}).json()["ids"] == []
    assert client.get("/api/values", params={"field": "epcoh"}).status_code == 400
    assert client.get("/api/values", params={"field": "tag"}).status_code == 400
