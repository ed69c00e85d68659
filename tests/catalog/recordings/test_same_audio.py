"""Re-tagged and converted files belong to the recording whose audio they hold."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import soundfile
from sqlalchemy import update

from tests.catalog.audio_files import encoded
from tests.support import RATE, Command, MakeSound, counts, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import location, recording
from thresher.curation.clips.decisions import rate
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.exports.clips import export_clips
from thresher.curation.ingest.batches import batches
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.listening.player import clip_audio
from thresher.curation.renderings.render import render
from thresher.curation.songs.songs import save_song


@pytest.fixture
def takes(tmp_path: Path, sound: MakeSound) -> Path:
    """A WAV, a FLAC and an MP3, each of another sound."""
    folder = tmp_path / "a"
    folder.mkdir()
    for seed, name in enumerate(("a.wav", "b.flac", "c.mp3")):
        soundfile.write(folder / name, sound(seed, 0.4), RATE)
    return folder


def tag(path: Path) -> None:
    """Write a tag into a file, as an editor of tags does."""
    content = path.read_bytes()
    if path.suffix == ".mp3":
        content = b"ID3\x03\0\0\0\0\0\x0a" + bytes(10) + content
    elif path.suffix == ".wav":
        body = content[8:] + b"LIST\x0c\0\0\0INFOINAMsong"
        content = b"RIFF" + len(body).to_bytes(4, "little") + body
    else:  # a padding block after the first block of a FLAC
        content = content[:42] + b"\x01\0\0\x08" + bytes(8) + content[42:]
    path.write_bytes(content)


def test_tags_in_place_keep_ratings_and_songs(catalog: Catalog, takes: Path, serial: IngestOptions) -> None:
    ingest(catalog, [takes], serial)
    rate(catalog, [], 5)
    save_song(catalog, "Bone", ["rating:5"])
    first = render(catalog, "Bone", takes.parent / "bone.wav")
    for path in takes.iterdir():
        tag(path)
    dry = ingest(catalog, [takes], replace(serial, dry_run=True))
    report = ingest(catalog, [takes], serial)
    assert counts(dry) == counts(report) == {"retagged": 3}
    assert (report.overwritten, batches(catalog)[-1].retagged) == ((), 3)
    assert [(row.path, row.missing) for row in list_clips(catalog, "rating:5")] == [
        ("a/a.wav", False),
        ("a/b.flac", False),
        ("a/c.mp3", False),
    ]
    again = render(catalog, "Bone", takes.parent / "bone.wav")
    assert (again.number, again.same_bytes, again.sha256) == (1, True, first.sha256)
    assert counts(ingest(catalog, [takes], serial)) == {"unchanged": 3}


def test_a_file_that_was_converted_and_removed_has_moved(
    catalog: Catalog, takes: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [takes], serial)
    rate(catalog, ["1"], 5)
    y, sr = soundfile.read(takes / "a.wav", dtype="int16")
    soundfile.write(takes / "a.flac", y, sr)
    (takes / "a.wav").unlink()
    assert counts(ingest(catalog, [takes], serial)) == {"moved": 1, "unchanged": 2}
    assert [row.path for row in list_clips(catalog, "rating:5")] == ["a/a.flac"]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("b.m4a", ["-c:a", "alac", "-sample_fmt", "s16p"]),
        ("b.ogg", ["-c:a", "flac", "-sample_fmt", "s16"]),
        ("b.wv", ["-sample_fmt", "s16p"]),
        ("b.tta", ["-sample_fmt", "s16"]),
        ("a.wav", ["-c:a", "pcm_s24le"]),
    ],
)
def test_a_file_that_was_converted_without_loss_is_played_exported_and_rendered(
    catalog: Catalog, takes: Path, serial: IngestOptions, name: str, options: list[str]
) -> None:
    ingest(catalog, [takes], serial)
    save_song(catalog, "Bone", ["1"])
    first = render(catalog, "Bone", takes.parent / "bone.wav")
    y, sr = soundfile.read(takes / "a.wav", dtype="float32", always_2d=True)
    (takes / "a.wav").unlink()
    encoded(takes / name, y, *options, sr=sr)
    report = ingest(catalog, [takes], serial)
    assert report.retagged + report.moved == 1
    again = render(catalog, "Bone", takes.parent / "again.wav")
    assert (again.number, again.same_bytes, again.sha256) == (1, True, first.sha256)
    with clip_audio(catalog, 1) as audio:
        assert len(soundfile.read(audio.file)[0]) == first.frames
    assert export_clips(catalog, ["1"], takes.parent / "out", form="trimmed").written == 1


def test_a_tagged_file_at_another_path_has_moved_or_is_a_copy(
    catalog: Catalog, takes: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [takes], serial)
    (takes / "c.mp3").rename(takes / "moved.mp3")
    tag(takes / "moved.mp3")
    (takes / "copy.wav").write_bytes((takes / "a.wav").read_bytes())
    tag(takes / "copy.wav")
    assert counts(ingest(catalog, [takes], serial)) == {"copies": 1, "moved": 1, "unchanged": 2}
    assert [place.path for place in show_clip(catalog, "1").locations] == ["a/a.wav", "a/copy.wav"]


@pytest.mark.parametrize("group", [1, 64])
def test_files_with_the_same_audio_in_one_ingest_are_linked_clips(
    catalog: Catalog, takes: Path, serial: IngestOptions, group: int
) -> None:
    catalog.file.write_text(f"[ingest]\ngroup = {group}\n")
    y, sr = soundfile.read(takes / "a.wav", dtype="int16")
    soundfile.write(takes / "a.flac", y, sr, "PCM_24")
    with Catalog.open(catalog.file) as grouped:
        report = ingest(grouped, [takes], serial)
        assert (report.added, [linked.clips for linked in report.linked]) == (4, [(1, 2)])
        assert show_clip(grouped, "1").same_audio == (2,)
        tag(takes / "a.wav")
        assert counts(ingest(grouped, [takes], serial)) == {"retagged": 1, "unchanged": 3}


def test_recordings_found_equal_after_an_upgrade_are_linked_and_conflicts_listed(
    catalog: Catalog, takes: Path, serial: IngestOptions, command: Command
) -> None:
    y, sr = soundfile.read(takes / "a.wav", dtype="int16")
    soundfile.write(takes / "d.flac", y, sr)
    ingest(catalog, [takes], serial)
    rate(catalog, ["1"], 5)
    rate(catalog, ["4"], 2)
    with writing(catalog) as connection:  # as a catalog of before the keys and stamps
        connection.execute(update(recording).values(audio_key=None))
        connection.execute(update(location).values(ctime_ns=None, inode=None, looked_at=None))
    done = command("ingest", takes)
    assert "4 unchanged (4 rehashed)" in done.stdout
    assert "clips 1 (rated 5), 4 (rated 2): judged differently" in done.stdout
    assert [row.rating for row in list_clips(catalog)] == [5, None, None, 2]
    assert ingest(catalog, [takes], serial).linked == ()


def test_a_new_sound_at_a_known_path_is_not_taken_for_a_tag(
    catalog: Catalog, takes: Path, sound: MakeSound, serial: IngestOptions
) -> None:
    ingest(catalog, [takes], serial)
    soundfile.write(takes / "a.wav", sound(9, 0.4), RATE)
    report = ingest(catalog, [takes], serial)
    assert (report.added, report.retagged, len(report.overwritten)) == (1, 0, 1)
