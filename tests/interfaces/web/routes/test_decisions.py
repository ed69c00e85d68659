"""Decisions over HTTP are decisions of the journal, which HTTP and commands can undo."""

from __future__ import annotations

import pytest
from fastapi.testclient import TestClient

from tests.interfaces.web.rooms import ADDRESS, KEY
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.listing import list_clips
from thresher.interfaces.web.access import AccessRules
from thresher.interfaces.web.app import create_app
from thresher.interfaces.web.room.room import READ_ONLY
from thresher.interfaces.web.server_key import token_of

pytestmark = pytest.mark.usefixtures("as_before")


def test_each_change_is_one_decision(client: TestClient, shelf: Catalog) -> None:
    assert client.post("/api/rating", json={"clips": [1, 2], "rating": 4}).json()["found"] == 2
    client.post("/api/rejection", json={"clips": [3], "rejected": True})
    client.post("/api/tags", json={"clips": [1], "add": ["riff"]})
    client.post("/api/note", json={"clips": [1], "text": "<b>loud</b>"})
    client.post("/api/heard", json={"clips": [4]})
    rows = {row.id: row for row in list_clips(shelf, "rejected:yes or rejected:no")}
    assert (rows[1].rating, rows[2].rating, rows[1].tags, rows[1].note) == (4, 4, ("riff",), "<b>loud</b>")
    assert rows[3].rejected
    assert rows[4].heard
    verbs = [entry["verb"] for entry in client.get("/api/history", params={"limit": 5}).json()["entries"]]
    assert verbs[1:] == ["note", "tag", "reject", "rate"]


def test_an_undo_names_its_clips_and_undoing_it_is_a_redo(client: TestClient, shelf: Catalog) -> None:
    made = client.post("/api/rating", json={"clips": [2], "rating": 5}).json()["decision"]
    undone = client.post("/api/undo", json={"decision": made}).json()
    assert (undone["undoes"], undone["clips"]) == (made, [2])
    assert list_clips(shelf, "2")[0].rating is None
    client.post("/api/undo", json={"decision": undone["decision"]})
    assert list_clips(shelf, "2")[0].rating == 5


def test_what_changes_nothing_is_not_a_decision(client: TestClient) -> None:
    client.post("/api/rating", json={"clips": [1], "rating": 3})
    again = client.post("/api/rating", json={"clips": [1], "rating": 3}).json()
    assert again == {"found": 1, "decision": None, "summary": None}


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("rating", {"clips": [1], "rating": 6}, 422),
        ("rating", {"clips": [], "rating": 1}, 422),
        ("rating", {"clips": [1 << 70], "rating": 1}, 422),
        ("rating", {"clips": [99], "rating": 1}, 404),
        ("tags", {"clips": [1]}, 400),
        ("undo", {"decision": 9999}, 404),
    ],
)
def test_wrong_changes_are_refused_in_one_sentence(
    client: TestClient, path: str, body: dict[str, object], status: int
) -> None:
    answer = client.post(f"/api/{path}", json=body)
    assert answer.status_code == status
    assert answer.json()["error"]


def test_a_read_only_room_refuses_every_change(shelf: Catalog) -> None:
    app = create_app(shelf, AccessRules(KEY), refusal=READ_ONLY)
    with TestClient(app, base_url=ADDRESS) as reader:
        reader.get(f"/?token={token_of(KEY)}")
        paths = app.openapi()["paths"]
        changing = [path for path, methods in paths.items() if "post" in methods]
        assert changing
        for path in changing:
            answer = reader.post(path, json={})
            assert answer.status_code == 403, path
            assert "read-only" in answer.json()["error"]
