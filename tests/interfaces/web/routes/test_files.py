"""Clips as files to download."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import soundfile
from fastapi.testclient import TestClient

from tests.interfaces.web.rooms import ADDRESS, KEY
from tests.support import RATE, MakeCatalog, WriteClip
from thresher.catalog.catalog import Catalog
from thresher.curation.clips import decisions
from thresher.curation.cutting.marks import mark
from thresher.curation.exports.clips import export_clips
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.interfaces.web.access import AccessRules
from thresher.interfaces.web.app import create_app
from thresher.interfaces.web.room.room import READ_ONLY
from thresher.interfaces.web.server_key import token_of


@pytest.fixture
def mixed(new_catalog: MakeCatalog, tmp_path: Path, write_clip: WriteClip, serial: IngestOptions) -> Catalog:
    """Two clips of the same name, one with marks, one rejected, and one whose name some systems refuse."""
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n')
    for name, seed in (("a/one.wav", 1), ("b/one.wav", 2), ('c/tw"o: ÿ.wav', 3)):
        write_clip(tmp_path / name, seed, 2.0)
    catalog = Catalog.open(tmp_path / "catalog.toml")
    ingest(catalog, [tmp_path], serial)
    mark(catalog, "1", 0.5, 1.0, name="drop")
    decisions.reject(catalog, "2")
    return catalog


def visited(catalog: Catalog) -> TestClient:
    client = TestClient(create_app(catalog, AccessRules(KEY), refusal=READ_ONLY), base_url=ADDRESS)
    client.get(f"/?token={token_of(KEY)}")
    return client


def test_a_whole_is_its_file_and_a_mark_is_its_span(mixed: Catalog, tmp_path: Path) -> None:
    client = visited(mixed)
    whole = client.get("/files/1")
    assert whole.content == (tmp_path / "a/one.wav").read_bytes()
    assert whole.headers["content-length"] == str(len(whole.content))
    assert whole.headers["content-disposition"].startswith('attachment; filename="one.wav"')
    head = client.head("/files/1")
    assert (head.content, head.headers["content-length"]) == (b"", str(len(whole.content)))
    export_clips(mixed, "4", tmp_path / "exported")
    (exported,) = (tmp_path / "exported").iterdir()
    marked = client.get("/files/4")
    assert exported.name in marked.headers["content-disposition"]
    assert marked.content == exported.read_bytes()
    odd = client.get("/files/3").headers["content-disposition"]
    assert odd == "attachment; filename=\"tw_o_ _.wav\"; filename*=UTF-8''tw_o_%20%C3%BF.wav"
    assert client.get("/files/99").status_code == 404


def test_a_selection_is_a_zip_file_with_different_names(mixed: Catalog, tmp_path: Path) -> None:
    client = visited(mixed)
    answer = client.get("/files?ids=1,2,4,3")
    assert answer.headers["content-disposition"].startswith('attachment; filename="clips.zip"')
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        names = archive.namelist()
        assert sorted(names) == sorted(["one-1.wav", "one-2.wav", "one-drop.wav", "tw_o_ ÿ.wav"])
        assert archive.read("one-2.wav") == (tmp_path / "b/one.wav").read_bytes()
        y, rate = soundfile.read(io.BytesIO(archive.read("one-drop.wav")))
        assert (len(y), rate) == (RATE // 2, RATE)
    shown = client.get("/files", params={"q": "kind:whole"})
    with zipfile.ZipFile(io.BytesIO(shown.content)) as archive:
        assert sorted(archive.namelist()) == ["one.wav", "tw_o_ ÿ.wav"]  # clip 2 is rejected
    assert client.get("/files?q=rating:5").status_code == 404
    assert client.get("/files?q=x&ids=1").status_code == 400


def test_clips_without_a_file_are_answered_with_a_sentence(mixed: Catalog, tmp_path: Path) -> None:
    for name in ("a/one.wav", "b/one.wav", 'c/tw"o: ÿ.wav'):
        (tmp_path / name).unlink()
    client = visited(mixed)
    assert client.get("/files?ids=1,2,3").status_code == 404
    assert "is gone or has changed" in client.get("/files/1").json()["error"]


def test_an_empty_file_is_downloaded_and_one_that_vanishes_is_a_sentence(
    new_catalog: MakeCatalog,
    tmp_path: Path,
    write_clip: WriteClip,
    serial: IngestOptions,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    new_catalog(tmp_path).close()
    (tmp_path / "catalog.toml").write_text('[metrics]\nuse = ["prefix"]\n')
    (tmp_path / "a.wav").touch()
    write_clip(tmp_path / "b.wav", 1, 2.0)
    with Catalog.open(tmp_path / "catalog.toml") as catalog:
        ingest(catalog, [tmp_path], serial)
        with TestClient(create_app(catalog, AccessRules(KEY)), base_url=ADDRESS) as client:
            client.get(f"/?token={token_of(KEY)}")
            empty = client.get("/files/1")
            assert (empty.status_code, empty.content) == (200, b"")
            monkeypatch.setattr("thresher.curation.exports.archive._copied", _vanished)
            gone = client.get("/files/2")
            assert gone.status_code == 503
            assert "the system reports an error" in gone.json()["error"]


def _vanished(_item: object) -> Iterator[bytes]:
    raise FileNotFoundError(2, "No such file or directory")
    yield b""
