"""The room of a machine that lacks a root: its clips are listed and judged, and their sound says where it is."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.interfaces.web.browsing import BROWSER, DRIVER, Page, chromium, serving
from tests.interfaces.web.rooms import ADDRESS, KEY
from tests.support import Machines, WriteClip
from thresher.catalog.catalog import Catalog
from thresher.curation.exports.archive import LEFT_OUT
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.interfaces.web.access import AccessRules
from thresher.interfaces.web.app import create_app
from thresher.interfaces.web.server_key import token_of

SOUNDS = ("audio", "peaks", "thumbnails", "spectra", "landmarks", "files")


@pytest.fixture(params=[False, True], ids=["not set", "unplugged"])
def far(
    request: pytest.FixtureRequest, machines: Machines, audio: Path, serial: IngestOptions
) -> tuple[Catalog, str]:
    """A catalog whose three clips are below a root that this machine lacks, and why it lacks it."""
    ingest(machines.open("one", corpus=audio), [audio], serial)
    if not request.param:
        return machines.open("far"), "the root corpus is not set on this machine ([roots] in catalog.toml)"
    gone = audio.parent / "unplugged"
    return machines.open("far", corpus=gone), f"{gone}, the folder of the root corpus, is not there"


@pytest.fixture
def room(far: tuple[Catalog, str]) -> Iterator[TestClient]:
    with TestClient(create_app(far[0], AccessRules(KEY)), base_url=ADDRESS) as opened:
        opened.get(f"/?token={token_of(KEY)}")
        yield opened


def test_clips_below_an_absent_root_are_listed_and_judged(room: TestClient) -> None:
    assert room.get("/api/clips").json()["ids"] == [1, 2, 3]
    assert room.get("/api/clips", params={"q": "path:corpus:runs"}).json()["ids"] == [3]
    assert room.post("/api/rating", json={"clips": [3], "rating": 4}).json()["decision"] is not None
    shown = room.get("/api/clips/rows", params={"ids": "1,3"}).json()["clips"]
    assert [(row["path"], row["missing"], row["rating"]) for row in shown] == [
        ("corpus:a.wav", False, None),
        ("corpus:runs/c.wav", False, 4),
    ]
    assert room.get("/api/clips/3").json()["locations"][0]["path"] == "corpus:runs/c.wav"
    for address in ("clips/3/near", "duplicates", "map", "checkpoints", "listening"):
        assert room.get(f"/api/{address}").status_code == 200, address
    assert len(room.post("/api/listening", json={}).json()["session"]["clips"]) == 3


def test_the_sound_of_a_clip_below_an_absent_root_says_where_it_is(
    room: TestClient, far: tuple[Catalog, str]
) -> None:
    for kind in SOUNDS:
        answer = room.get(f"/{kind}/3")
        assert (answer.status_code, answer.json()["error"]) == (
            404,
            f"clip 3 is at corpus:runs/c.wav; {far[1]}",
        ), kind
    answer = room.get("/files", params={"ids": "2,3"})
    assert (answer.status_code, answer.json()["error"]) == (
        404,
        f"no file of these clips is here: clip 2 is at corpus:b.wav; {far[1]}",
    )
    made = room.post("/api/marks", json={"clips": [1], "start": 0.5, "end": 1})
    assert made.status_code == 404
    assert made.json()["error"] == f"clip 1 can't be marked: it is at corpus:a.wav; {far[1]}"
    split = room.post("/api/splits", json={"clips": [1]})
    assert split.status_code == 200
    assert split.json()["reasons"] == [f"it is at corpus:a.wav; {far[1]}"]


def test_an_archive_names_the_clips_that_are_elsewhere(
    room: TestClient, far: tuple[Catalog, str], tmp_path: Path, write_clip: WriteClip, serial: IngestOptions
) -> None:
    write_clip(tmp_path / "here/new.wav", 9)
    ingest(far[0], [tmp_path / "here"], serial)
    with zipfile.ZipFile(io.BytesIO(room.get("/files", params={"ids": "3,4"}).content)) as archive:
        assert sorted(archive.namelist()) == ["new.wav", LEFT_OUT]
        assert archive.read(LEFT_OUT).decode().strip().endswith(f"it is at corpus:runs/c.wav; {far[1]}")


@pytest.fixture
def driver() -> Iterator[Any]:
    pytest.importorskip("selenium", reason="selenium drives the browser, and is not installed")
    with chromium() as running:
        yield running


@pytest.mark.long
@pytest.mark.skipif(DRIVER is None or BROWSER is None, reason="needs Chromium and chromedriver")
def test_the_card_of_a_clip_that_is_elsewhere_says_where(driver: Any, far: tuple[Catalog, str]) -> None:
    catalog, why = far
    with serving(catalog) as address:
        page = Page(driver, address)
        page.wait("selection", "m.ids.value.length === 3 && m.rowOf(3) !== undefined")
        expected = f"clip 3 is at corpus:runs/c.wav; {why}"
        page.wait_until(
            lambda: page.run("return document.querySelector('#clip-3 .why').textContent") == expected
        )
        page.press("j", "j", " ")
        page.wait("player", f"m.playProblem.value === {expected!r}")
        page.value("selection", "void (m.rowOf(2).seconds = 500)")  # a long clip is streamed
        page.press("k")
        expected = f"clip 2 is at corpus:b.wav; {why}"
        page.wait("player", f"m.playProblem.value === {expected!r}")
