"""Regions and splits over HTTP are the decisions of `mark` and `split`, and `undo` reverts them."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.listing import list_clips, rows_of

pytestmark = pytest.mark.usefixtures("as_before")


def test_a_region_becomes_a_marked_clip_and_undo_removes_it(client: TestClient, shelf: Catalog) -> None:
    made = client.post("/api/marks", json={"clips": [2], "start": 0.5, "end": 1.25, "name": "hook"}).json()
    (clip_id,) = made["clips"]
    (row,) = rows_of(shelf, [clip_id])
    assert (row.kind, row.seconds, row.mark) == ("marked", 0.75, "hook")
    shown = client.get("/api/clips/rows", params={"ids": str(clip_id)}).json()["clips"][0]
    assert (shown["place"], shown["mark"]) == (row.place, "hook")
    client.post("/api/undo", json={"decision": made["decision"]})
    assert clip_id not in [each.id for each in list_clips(shelf)]


def test_a_region_that_is_none_is_refused_in_one_sentence(client: TestClient) -> None:
    for region in ({"start": 1, "end": 1}, {"start": 2, "end": 1}, {"start": 100, "end": 101}):
        answer = client.post("/api/marks", json={"clips": [2], **region})
        assert answer.status_code == 400, region
        assert answer.json()["error"]
    assert client.post("/api/marks", json={"clips": [1, 2], "start": 0, "end": 1}).status_code == 422


def test_a_recording_without_silence_stays_whole_and_the_answer_says_why(client: TestClient) -> None:
    made = client.post("/api/splits", json={"clips": [1]}).json()
    assert (made["decision"], made["clips"]) == (None, [])
    assert "no silence" in made["reasons"][0]
