"""Verify a rendering: its source files, its own file, and its stored plan."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import delete, update

from tests.support import writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import rendering, rendering_clip
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.listening.player import rendered_files
from thresher.curation.renderings.render import render
from thresher.curation.renderings.verify import verify_song
from thresher.curation.songs.songs import rename_song, save_song
from thresher.errors import NotFoundError


@pytest.fixture
def catalog(rendered: Catalog) -> Catalog:
    """Five clips and the song "Bone", rendered once."""
    return rendered


SERIAL = IngestOptions(executor="serial")


def test_a_rendering_with_moved_files_and_a_new_name_is_sound(catalog: Catalog, tmp_path: Path) -> None:
    report = verify_song(catalog, "Bone")
    assert report.is_sound
    assert (report.number, report.clips, report.path, report.file) == (1, 5, "bone.wav", "unchanged")
    (tmp_path / "clips").rename(tmp_path / "elsewhere")
    ingest(catalog, [tmp_path / "elsewhere"], SERIAL)
    rename_song(catalog, "Bone", "Marrow")
    assert verify_song(catalog, "Marrow", 1).is_sound


@pytest.mark.parametrize(
    "name", [b"bo\xffne.wav", b"x\ny \x85.wav", rb"a\x41 \xff.wav", "ü\x9b.wav".encode()]
)
def test_a_rendering_at_an_unusual_path_is_found(catalog: Catalog, tmp_path: Path, name: bytes) -> None:
    save_song(catalog, "Bone", None, {"fade": 0.2})
    path = os.path.join(os.fsencode(tmp_path), name)
    assert render(catalog, "Bone", os.fsdecode(path)).number == 2
    assert verify_song(catalog, "Bone", 2).is_sound
    assert rendered_files(catalog, "Bone")[0] == Path(os.fsdecode(path))
    os.unlink(path)
    assert verify_song(catalog, "Bone", 2).file == "missing"


@pytest.mark.parametrize("touched", ["source gone", "source changed", "file gone", "file changed"])
def test_a_missing_or_changed_file_is_reported(catalog: Catalog, tmp_path: Path, touched: str) -> None:
    what, how = touched.split()
    path = tmp_path / ("bone.wav" if what == "file" else "clips/run_epoch_3_0.wav")
    if how == "gone":
        path.unlink()
    else:  # as large as before, and as old: only its content tells
        before = path.stat()
        path.write_bytes(path.read_bytes()[:-1] + b"?")
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    report = verify_song(catalog, "Bone")
    assert not report.is_sound
    expected = {
        "source gone": (("clips/run_epoch_3_0.wav",), (), "unchanged"),
        "source changed": ((), ("clips/run_epoch_3_0.wav",), "unchanged"),
        "file gone": ((), (), "missing"),
        "file changed": ((), (), "changed"),
    }
    assert (report.missing, report.changed, report.file) == expected[touched]
    assert report.faults == ()


@pytest.mark.parametrize(
    ("damage", "fault"),
    [
        (
            delete(rendering_clip).where(rendering_clip.c.position == 2),
            "does not start where the clip before ends",
        ),
        (delete(rendering_clip).where(rendering_clip.c.position == 4), "frames long, but its file"),
        (delete(rendering_clip), "lists no clip"),
        (update(rendering_clip).values(gain=0.5), "digest does not match its clips, gains and settings"),
        (update(rendering_clip).values(end_frame=rendering_clip.c.end_frame - 9), "do not match their spans"),
        (update(rendering).values(subtype="PCM_24"), "digest"),
    ],
)
def test_a_damaged_plan_is_reported(catalog: Catalog, damage: Any, fault: str) -> None:
    with writing(catalog) as connection:
        connection.execute(damage)
    report = verify_song(catalog, "Bone")
    assert not report.is_sound
    assert any(fault in sentence for sentence in report.faults)
    assert report.file == "unchanged"


def test_a_song_without_renderings_is_an_error_that_names_the_command(catalog: Catalog) -> None:
    save_song(catalog, "Skull", [])
    with pytest.raises(NotFoundError, match='never rendered; `thresher song render "Skull"`'):
        verify_song(catalog, "Skull")
