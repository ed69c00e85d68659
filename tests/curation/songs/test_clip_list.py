"""Sequences read from a text file or a playlist."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from thresher.catalog.catalog import Catalog
from thresher.curation.clips.listing import list_clips
from thresher.curation.exports.songs import export_song
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


PLAYLISTS = [
    (b"run%5Fepoch%5F5%5F0.wav\n", (6,)),
    (b"../clips/./run_epoch_5_0.wav\r\n  run_epoch_6_0.wav  \r\n", (6, 7)),
    (b"..\\clips\\run_epoch_5_0.wav\r\n", (6,)),
    (b"..%5Cclips%5Crun_epoch_5_0.wav\r\n", (6,)),
    (b"file://HERE/run_epoch_5_0.wav\nfile:HERE/run_epoch_6_0.wav\n", (6, 7)),
    (b"FILE://localhostHERE/run%5fepoch_5_0.wav\n", (6,)),
    (b"file://run_epoch_5_0.wav\n", (6,)),
    (b"\xef\xbb\xbf#EXTM3U\r#EXTINF:1,x\rrun_epoch_5_0.wav\r", (6,)),
    ("\ufeff#EXTM3U\r\nrun_epoch_5_0.wav\r\n".encode("utf-16-le"), (6,)),
    ("\ufeffrun_epoch_5_0.wav\n".encode("utf-16-be"), (6,)),
    (b"[playlist]\nFile1=run_epoch_6_0.wav\nTitle1=x\nfile2=run_epoch_5_0.wav\nVersion=2\n", (7, 6)),
    (b"clips/run_epoch_5_0.wav\n", (6,)),
    (b"C:\\music\\clips\\run_epoch_5_0.wav\r\nD:/x/run_epoch_6_0.wav\r\nrun_epoch_7_0.wav\r\n", (6, 7, 8)),
    (b"file:///c:/my%20music/run%5Fepoch_5_0.wav\n", (6,)),
    (b"C:HERE/run_epoch_5_0.wav\n", (6,)),
    (
        b'<?xml version="1.0"?>\n<playlist xmlns="http://xspf.org/ns/0/"><trackList>\n<track><title>1</title>'
        b"<location>run_epoch%5F6_0.wav</location></track>\n<track><location> file://HERE/run_epoch_5_0.wav\n"
        b"</location></track></trackList></playlist>",
        (7, 6),
    ),
]


@pytest.mark.parametrize(("content", "expected"), PLAYLISTS)
def test_playlists_of_other_programs_are_read(
    catalog: Catalog, tmp_path: Path, content: bytes, expected: tuple[int, ...]
) -> None:
    listed = tmp_path / "clips" / "list.m3u"
    listed.write_bytes(content.replace(b"HERE", os.fsencode(listed.parent)))
    assert read_sequence(catalog, listed) == expected


def test_an_endless_playlist_is_read_in_the_time_of_its_length(catalog: Catalog, tmp_path: Path) -> None:
    listed = tmp_path / "list.xspf"
    for text in (
        "<location>" * 100_000,
        f"<location>{' ' * 500_000}x",
        f"<location>{'a' * 40_000}</location>",
    ):
        listed.write_text(f'<?xml version="1.0"?><playlist>{text}')
        with pytest.raises((NotFoundError, UsageError)):
            read_sequence(catalog, listed)


def test_the_line_of_a_location_is_reported(catalog: Catalog, tmp_path: Path) -> None:
    one = b"<location>clips/run_epoch_5_0.wav</location>"
    (tmp_path / "list").write_bytes(b"<playlist>\n" + one + b"\n\n" + one + b"</playlist>")
    with pytest.raises(UsageError, match=r"line 4: clip 6 is already on line 2"):
        read_sequence(catalog, tmp_path / "list")


def test_a_line_that_is_too_long_for_a_path_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "list").write_bytes(b"C:" + b"/x" * 1_000_000)
    with pytest.raises(NotFoundError, match=r"line 1: a line of 2,000,002 bytes is not a path"):
        read_sequence(catalog, tmp_path / "list")


def test_names_with_percent_signs_spaces_and_latin1_are_read(
    catalog: Catalog, write_clip: Any, serial: IngestOptions, tmp_path: Path
) -> None:
    names = ["a%20b.wav", "a b.wav", "Ständchen.wav"]
    for number, name in enumerate(names):
        write_clip(tmp_path / "clips" / name, 60 + number)
    ingest(catalog, [tmp_path / "clips"], serial)
    found = {row.path: row.id for row in list_clips(catalog, "id:9..")}
    listed = tmp_path / "clips" / "list.m3u"
    listed.write_bytes("a%20b.wav\na b.wav\nStändchen.wav\n".encode("latin-1"))
    assert read_sequence(catalog, listed) == tuple(found[f"clips/{name}"] for name in names)
    listed.write_bytes(b"a%2520b.wav\nSt%C3%A4ndchen.wav\n")
    assert read_sequence(catalog, listed) == (found["clips/a%20b.wav"], found["clips/Ständchen.wav"])


@pytest.mark.parametrize(
    "line",
    [
        "C:\\music\\x.wav",
        "http://host/x.wav",
        "rating",
        "*.wav",
        "(x",
        "file:///nowhere/x%20y.wav",
        "file://",
        "a\0b",
    ],
)
def test_a_line_that_is_not_a_path_of_the_catalog_is_not_found(
    catalog: Catalog, tmp_path: Path, line: str
) -> None:
    (tmp_path / "list").write_text(line)
    with pytest.raises(NotFoundError, match="line 1"):
        read_sequence(catalog, tmp_path / "list")


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
    with pytest.raises(NotFoundError, match="there is no file"):
        read_sequence(catalog, tmp_path / "nowhere")
    with pytest.raises(ThresherError, match="can't be read"):
        read_sequence(catalog, tmp_path)


def test_a_playlist_with_times_names_parts_and_marks(cut_clips: Catalog, tmp_path: Path) -> None:
    save_song(cut_clips, "Cut", "epoch:1", {"ordering": "manual", "manual": (6, 9, 3, 5, 8, 7)})
    export_song(cut_clips, "Cut", tmp_path / "cut.m3u8")
    assert read_sequence(cut_clips, tmp_path / "cut.m3u8") == (6, 9, 3, 5, 8, 7)
    (tmp_path / "plain.m3u").write_text("out/run_epoch_1_1.wav\n")
    assert read_sequence(cut_clips, tmp_path / "plain.m3u") == (3,)
    (tmp_path / "plain.m3u").write_text("out/run_epoch_1_0.wav\n")
    with pytest.raises(UsageError, match=r"line 1: .*matches 3 clips; give one id of 5, 6, 7"):
        read_sequence(cut_clips, tmp_path / "plain.m3u")


def test_no_transaction_is_open_while_a_list_is_read(
    catalog: Catalog, tmp_path: Path, open_transactions: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "list.txt").write_text("2\n1\n")
    open_ones = []

    def watched(path: Path) -> bytes:
        open_ones.append(len(open_transactions))
        return read_bytes(path)

    read_bytes = Path.read_bytes
    monkeypatch.setattr(Path, "read_bytes", watched)
    assert read_sequence(catalog, tmp_path / "list.txt") == (2, 1)
    assert open_ones == [0]
