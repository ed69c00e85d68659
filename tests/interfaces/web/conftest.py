"""A room with four clips, and a client that has its cookie."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.interfaces.web.browsing import chromium, serving
from tests.interfaces.web.rooms import ADDRESS, KEY, undoing
from tests.support import EVERY_METRIC
from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.interfaces.web.access import AccessRules
from thresher.interfaces.web.app import create_app
from thresher.interfaces.web.server_key import token_of


@pytest.fixture(scope="module")
def shelf(tmp_path_factory: pytest.TempPathFactory, write_clip: Any) -> Iterator[Catalog]:
    """Four clips of two epochs; the last one is stereo."""
    home = tmp_path_factory.mktemp("room")
    Catalog.create(home).close()
    (home / "catalog.toml").write_text(EVERY_METRIC)
    for index in range(3):
        write_clip(home / f"night/night_epoch_{index // 2}_{index}.wav", index)
    write_clip(home / "night/night_epoch_1_3.wav", 3, channels=2)
    with Catalog.open(home / "catalog.toml") as catalog:
        ingest(catalog, [home / "night"], IngestOptions(executor="serial"))
        yield catalog


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    """A browser for the tests of a module."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def address(catalog: Catalog) -> Iterator[str]:
    """The address of a server with the catalog of a module."""
    with serving(catalog) as where:
        yield where


@pytest.fixture
def as_before(shelf: Catalog) -> Iterator[None]:
    """Undo what a test decided."""
    with undoing(shelf):
        yield


@pytest.fixture
def client(shelf: Catalog) -> Iterator[TestClient]:
    """A browser that has opened the printed address."""
    with TestClient(create_app(shelf, AccessRules(KEY)), base_url=ADDRESS) as opened:
        opened.get(f"/?token={token_of(KEY)}")
        yield opened


@pytest.fixture
def stranger(shelf: Catalog) -> Iterator[TestClient]:
    """A browser without the cookie."""
    with TestClient(create_app(shelf, AccessRules(KEY)), base_url=ADDRESS, follow_redirects=False) as opened:
        yield opened


@pytest.fixture
def sounds(shelf: Catalog) -> list[Path]:
    """The files of the clips, by id."""
    return sorted((shelf.root / "night").iterdir())
