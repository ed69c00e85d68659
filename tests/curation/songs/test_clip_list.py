"""Sequences read from a text file or a playlist."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from thresher.catalog.catalog import Catalog
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.songs.clip_list import read_sequence
from thresher.curation.songs.songs import (
    save_song,
)
from thresher.curation.songs.tracklist import Tracklist, tracklist
from thresher.errors import NotFoundError, ThresherError, UsageError


@pytest.fixture
def catalog(bone: Catalog) -> Catalog:
    """Eight clips, of which the song "Bone" contains 3 to 8."""
    return bone


def ids(plan: Tracklist) -> list[int]:
    return [track.clip for track in plan.tracks]


def test_ids_paths_and_uris_are_read_in_order(catalog: Catalog, tmp_path: Path) -> None:
    listed = tmp_path / "clips" / "list.m3u8"
    lines = [
        "#EXTM3U",
        "#EXTINF:3.2,one",
        "run_epoch_5_0.wav",
        "",
        "3",
        str(tmp_path / "clips/run_epoch_7_0.wav"),
        (tmp_path / "clips/run_epoch_2_0.wav").as_uri().replace("_2_", "_6_"),
    ]
    listed.write_bytes("\r\n".join(lines).encode("utf-8-sig"))
    assert read_sequence(catalog, listed) == (6, 3, 8, 7)
    save_song(catalog, "Bone", None, {"ordering": "manual", "manual": (6, 3, 8, 7)})
    assert ids(tracklist(catalog, "Bone")) == [6, 3, 8, 7, 4, 5]


def test_file_names_that_are_not_utf8_are_read(
    catalog: Catalog, write_clip: Any, serial: IngestOptions, tmp_path: Path
) -> None:
    odd = os.fsencode(tmp_path / "clips") + b"/gen_\xff_1.wav"
    write_clip(tmp_path / "clips" / "gen.wav", 50)
    os.rename(tmp_path / "clips" / "gen.wav", odd)
    ingest(catalog, [tmp_path / "clips"], serial)
    listed = tmp_path / "list"
    listed.write_bytes(odd + b"\n")
    assert read_sequence(catalog, listed) == (9,)
    listed.write_bytes(b"file://" + odd.replace(b"\xff", b"%FF") + b"\n")
    assert read_sequence(catalog, listed) == (9,)


@pytest.mark.parametrize(
    ("content", "kind", "message"),
    [
        ("3\n4\n3\n", UsageError, r"list, line 3: clip 3 is already on line 1"),
        ("3\n99\n", NotFoundError, r"list, line 2: no clip has the id 99"),
        ("nothing.wav\n", NotFoundError, r'list, line 1: no clip matches "nothing.wav"'),
        ("# only words\n\n", UsageError, "lists no clips"),
    ],
)
def test_an_error_names_the_line_of_the_list(
    catalog: Catalog, tmp_path: Path, content: str, kind: type[ThresherError], message: str
) -> None:
    (tmp_path / "list").write_text(content)
    with pytest.raises(kind, match=message):
        read_sequence(catalog, tmp_path / "list")
    with pytest.raises(ThresherError, match="can't be read"):
        read_sequence(catalog, tmp_path / "nowhere")
