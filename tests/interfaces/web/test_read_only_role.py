"""The room of a role that may only read: it lists and plays, and refuses every change in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import URL

from tests.interfaces.web.rooms import ADDRESS, KEY
from tests.postgres_catalogs import needs_postgres
from tests.support import POSTGRES, run_command
from thresher.catalog.catalog import Catalog
from thresher.curation.clips.decisions import history
from thresher.interfaces.web import server
from thresher.interfaces.web.access import AccessRules
from thresher.interfaces.web.app import create_app
from thresher.interfaces.web.server import ServeOptions
from thresher.interfaces.web.server_key import token_of

pytestmark = needs_postgres

CHANGES: tuple[tuple[str, dict[str, object]], ...] = (
    ("rating", {"clips": [1], "rating": 4}),
    ("rejection", {"clips": [1], "rejected": True}),
    ("tags", {"clips": [1], "add": ["slow"]}),
    ("note", {"clips": [1], "text": "x"}),
    ("heard", {"clips": [1], "rating": 4}),
    ("undo", {}),
    ("marks", {"clips": [1], "start": 0.5, "end": 1}),
    ("splits", {"clips": [1]}),
    ("queries", {"name": "good", "query": "rating:4.."}),
)


@pytest.fixture
def guest(shelf: Catalog) -> Iterator[Path]:
    """The settings of a role that may only read the catalog, beside those of its owner."""
    assert POSTGRES is not None
    url = POSTGRES.target_of(shelf.settings.catalog.database, shelf.root)
    assert isinstance(url, URL)
    with POSTGRES.reader(url) as reader:
        file = shelf.root / "guest.toml"
        file.write_text(f'[catalog]\ndatabase = "{reader.render_as_string()}"\n')
        yield file


@pytest.fixture
def catalog(guest: Path) -> Iterator[Catalog]:
    """The catalog as that role opens it."""
    with Catalog.open(guest) as opened:
        yield opened


def visited(catalog: Catalog, refusal: str | None) -> TestClient:
    client = TestClient(create_app(catalog, AccessRules(KEY), refusal=refusal), base_url=ADDRESS)
    client.get(f"/?token={token_of(KEY)}")
    return client


def test_the_room_of_a_role_that_may_only_read_lists_and_plays(shelf: Catalog, catalog: Catalog) -> None:
    refusal = catalog.why_read_only()
    assert refusal is not None
    assert refusal.startswith(f"the role reader_{shelf._engine.url.database} can't change")
    client = visited(catalog, refusal)
    state = client.get("/api/room").json()
    assert (state["read_only"], state["refusal"]) == (True, refusal)
    assert client.get("/api/clips").json()["ids"] == [1, 2, 3, 4]
    for kind in ("audio", "peaks", "thumbnails", "spectra", "landmarks", "files"):
        assert client.get(f"/{kind}/1").status_code == 200, kind
    for address in ("clips/1", "clips/1/near", "duplicates", "map", "checkpoints", "listening", "history"):
        assert client.get(f"/api/{address}").status_code == 200, address


@pytest.mark.parametrize("found", ["at the start", "later"])
def test_every_change_by_a_role_that_may_only_read_is_answered_in_one_sentence(
    shelf: Catalog, catalog: Catalog, found: str
) -> None:
    """The role may lose the privilege while its room is open."""
    refusal = catalog.why_read_only()
    client = visited(catalog, refusal if found == "at the start" else None)
    before = len(history(shelf))
    for path, body in CHANGES:
        answer = client.post(f"/api/{path}", json=body)
        assert (answer.status_code, answer.json()["error"]) == (403, refusal), path
    if found == "later":  # what is only noted on the side is left out
        assert client.post("/api/heard", json={"clips": [1]}).json()["decision"] is None
        assert client.post("/api/listening", json={}).json()["session"]["id"] is None
    assert len(history(shelf)) == before


def test_an_owner_may_change_the_catalog(shelf: Catalog) -> None:
    assert shelf.why_read_only() is None


def test_serve_says_that_the_role_may_only_read(guest: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[ServeOptions] = []

    def serve(_catalog: Catalog, options: ServeOptions, ready: Callable[[str], None], _watch: object) -> None:
        asked.append(options)
        ready(ADDRESS)

    monkeypatch.setattr(server, "serve", serve)
    done = run_command("--catalog", guest, "serve", "--no-open")
    assert (done.returncode, done.stderr.count(f"not judged: {asked[0].refusal}\n")) == (0, 1)
    assert "can't change" in str(asked[0].refusal)
    watching = run_command("--catalog", guest, "serve", "--no-open", "--watch", guest.parent)
    assert (watching.returncode, f"error: {asked[0].refusal}" in watching.stderr) == (3, True)
    run_command("--catalog", guest.parent / "catalog.toml", "serve", "--no-open")
    assert [options.refusal is None for options in asked] == [False, True]
