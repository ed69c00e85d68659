"""The lineage of a clip: its recording, songs with and without limits, and renderings, also of deleted songs."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import song
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.origin.lineage import lineage
from thresher.curation.renderings.render import render
from thresher.curation.songs.songs import delete_song, save_song
from thresher.errors import NotFoundError


def test_files_songs_and_renderings(bone: Catalog, tmp_path: Path, serial: IngestOptions) -> None:
    (tmp_path / "copies").mkdir()
    shutil.copy(tmp_path / "clips/run_epoch_3_0.wav", tmp_path / "copies/a.wav")
    ingest(bone, [tmp_path / "copies"], serial)
    render(bone, "Bone", tmp_path / "bone.wav")
    found = lineage(bone, "4")
    assert [at.path for at in found.detail.locations] == ["clips/run_epoch_3_0.wav", "copies/a.wav"]
    assert found.songs == ("Bone",)
    (place,) = found.renderings
    assert (place.song, place.number, place.position, place.path) == ("Bone", 1, 2, "bone.wav")
    assert place.at == pytest.approx(3.4, abs=0.1)
    assert place.end - place.start == pytest.approx(3.6, abs=0.1)
    assert lineage(bone, "1").songs == ()
    assert lineage(bone, "1").renderings == ()


def test_a_song_with_a_limit_contains_only_what_fits(bone: Catalog) -> None:
    save_song(bone, "Short", ["epoch:2.."], {"ordering": "epoch+", "clips": 2})
    assert [lineage(bone, str(clip_id)).songs for clip_id in (3, 4, 5)] == [
        ("Bone", "Short"),
        ("Bone", "Short"),
        ("Bone",),
    ]


def test_renderings_of_a_deleted_song_remain(bone: Catalog, tmp_path: Path) -> None:
    render(bone, "Bone", tmp_path / "bone.wav")
    delete_song(bone, "Bone")
    found = lineage(bone, "4")
    assert found.songs == ()
    assert [place.song for place in found.renderings] == ["Bone"]


def test_a_song_that_cannot_be_read_is_named(bone: Catalog) -> None:
    with writing(bone) as connection:
        connection.execute(song.update().values(query="no_such_field:1"))
    found = lineage(bone, "4")
    assert (found.songs, found.unread_songs) == ((), ("Bone",))


def test_the_clips_of_the_same_recording_in_order_of_time(small_catalog: Catalog) -> None:
    found = lineage(small_catalog, "9")
    assert [(row.id, row.kind, row.start) for row in found.same_recording] == [
        (7, "part", 0.0),
        (8, "part", 5.0),
    ]


def test_no_clip(bone: Catalog) -> None:
    with pytest.raises(NotFoundError):
        lineage(bone, "99")
