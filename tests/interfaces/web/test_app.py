"""The application: errors in one sentence, HEAD, files that are never stale, a catalog that is upgraded."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
from fastapi.testclient import TestClient

from tests.interfaces.web.rooms import ADDRESS, KEY
from tests.support import RATE, MakeCatalog, writing
from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.songs.songs import save_song
from thresher.interfaces.web.access import AccessRules
from thresher.interfaces.web.app import create_app
from thresher.interfaces.web.server_key import token_of

PATIENCE = 30.0


@pytest.fixture
def alone(new_catalog: MakeCatalog, tmp_path: Path) -> Iterator[tuple[Catalog, TestClient]]:
    """An empty catalog of this test, and a client with its cookie."""
    with (
        new_catalog(tmp_path / "alone") as catalog,
        TestClient(create_app(catalog, AccessRules(KEY)), base_url=ADDRESS) as client,
    ):
        client.get(f"/?token={token_of(KEY)}")
        yield catalog, client


def status_becomes(client: TestClient, path: str, status: int) -> str:
    deadline = time.monotonic() + PATIENCE
    while (answer := client.get(path)).status_code != status:
        assert time.monotonic() < deadline, answer.text
        time.sleep(0.05)
    return answer.text


@pytest.mark.parametrize("path", ["/nowhere", "/api/nowhere", "/static/js/nowhere.js", "/a/b/c"])
def test_unknown_addresses_are_answered_in_one_sentence(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.status_code == 404
    assert answer.json() == {"error": "there is nothing at this address", "position": None}


def test_other_methods_are_refused(client: TestClient) -> None:
    answer = client.put("/api/rating", json={})
    assert (answer.status_code, answer.json()["error"]) == (405, "method not allowed")


@pytest.mark.parametrize("path", ["/", "/map", "/api/clips?q=epoch:1", "/static/js/main.js", "/audio/1"])
def test_head_is_answered_like_get_without_a_body(client: TestClient, path: str) -> None:
    head, get = client.head(path), client.get(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers.get("content-length") == get.headers.get("content-length")
    assert head.headers["content-type"] == get.headers["content-type"]


@pytest.mark.parametrize("path", ["/static/js/main.js", "/static/css/base.css", "/static/icon.svg"])
def test_browsers_ask_whether_a_file_of_the_page_is_current(client: TestClient, path: str) -> None:
    answer = client.get(path)
    assert answer.headers["cache-control"] == "no-cache"
    known = client.get(path, headers={"if-none-match": f'"x", W/{answer.headers["etag"]}'})
    assert (known.status_code, known.content) == (304, b"")
    assert client.get(path, headers={"if-none-match": '"x"'}).status_code == 200


def test_answers_of_the_api_are_not_stored(client: TestClient) -> None:
    assert client.get("/api/clips").headers["cache-control"] == "no-store"
    assert client.get("/").headers["cache-control"] == "no-cache"


def test_a_catalog_that_is_upgraded_meanwhile_is_used_no_more(alone: tuple[Catalog, TestClient]) -> None:
    catalog, client = alone
    with catalog.reading() as connection:
        revision = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one()
    with writing(catalog) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    assert "another version of thresher has upgraded" in status_becomes(client, "/api/clips", 503)
    assert client.post("/api/undo", json={}).status_code == 503
    with writing(catalog) as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = ?", (revision,))
    status_becomes(client, "/api/clips", 200)


def test_a_catalog_that_disappears_and_returns_is_explained(alone: tuple[Catalog, TestClient]) -> None:
    catalog, client = alone
    file = catalog.root / "catalog.db"
    file.rename(file.with_suffix(".away"))
    answer = client.get("/api/clips")
    assert (answer.status_code, "catalog.db" in answer.json()["error"]) == (503, True)
    file.with_suffix(".away").rename(file)
    assert client.get("/api/clips").status_code == 200


def test_a_damaged_catalog_is_named_with_the_remedy(alone: tuple[Catalog, TestClient], sound: Any) -> None:
    catalog, client = alone
    soundfile.write(catalog.root / "a.wav", sound(1, 3.0), RATE)
    ingest(catalog, [catalog.root], IngestOptions(executor="serial"))
    save_song(catalog, "Bone", "")
    # the framework passes an unexpected error on to the client of a test after it was answered
    visitor = TestClient(client.app, raise_server_exceptions=False, base_url=ADDRESS, cookies=client.cookies)
    assert visitor.get("/api/clips?q=song:Bone").status_code == 200
    with writing(catalog) as connection:
        connection.exec_driver_sql("UPDATE song SET edits = '{'")
    answer = visitor.get("/api/clips?q=song:Bone")
    assert (answer.status_code, "`thresher verify`" in answer.json()["error"]) == (503, True)


def test_names_are_data_in_json(client: TestClient) -> None:
    client.post("/api/note", json={"clips": [1], "text": "</script><b>\x1b[31m"})
    answer = client.get("/api/clips/rows?ids=1")
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.json()["clips"][0]["note"] == "</script><b>\x1b[31m"
    client.post("/api/undo", json={})
