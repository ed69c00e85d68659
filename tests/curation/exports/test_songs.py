"""Exports of songs: files and stems agree with the tracklist of today or of a rendering."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rpp
import soundfile

from thresher.catalog.catalog import Catalog
from thresher.curation.exports.formats.registry import FORMATS
from thresher.curation.exports.formats.timeline import Timeline
from thresher.curation.exports.songs import export_song, export_stems
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.renderings.manifest import read_manifest
from thresher.curation.renderings.render import render
from thresher.curation.songs.songs import save_song
from thresher.curation.songs.tracklist import tracklist
from thresher.errors import NotFoundError, UsageError


@pytest.fixture
def catalog(catalog: Catalog, write_clip: Any, serial: IngestOptions, tmp_path: Path) -> Catalog:
    """Three clips, one in stereo at another rate, and the song "Bone / Marrow" with crossfades."""
    write_clip(tmp_path / "clips/run_epoch_0_0.wav", 0)
    write_clip(tmp_path / "clips/run_epoch_1_0.wav", 1, rate=22_050, channels=2)
    write_clip(tmp_path / "clips/run_epoch_2_0.flac", 2, 3.3)
    ingest(catalog, [tmp_path / "clips"], serial)
    save_song(catalog, "Bone / Marrow", [], {"ordering": "epoch+", "crossfade": 0.5})
    return catalog


@pytest.mark.parametrize("suffix", sorted(FORMATS))
def test_every_format_contains_every_clip(catalog: Catalog, tmp_path: Path, suffix: str) -> None:
    report = export_song(catalog, "Bone / Marrow", tmp_path / f"song{suffix}")
    assert (report.format, report.clips, report.rendering) == (suffix, 3, None)
    assert report.has_audio is (False if suffix == ".cue" else None)
    text = (tmp_path / f"song{suffix}").read_text(encoding="utf-8")
    assert text.count("run_epoch_") >= 3
    assert sorted(os.listdir(tmp_path)) == sorted(["catalog.db", "catalog.toml", "clips", f"song{suffix}"])


def test_positions_and_spans_equal_those_of_the_tracklist(catalog: Catalog, tmp_path: Path) -> None:
    export_song(catalog, "Bone / Marrow", tmp_path / "song.rpp")
    plan = tracklist(catalog, "Bone / Marrow")
    project = rpp.loads((tmp_path / "song.rpp").read_text(encoding="utf-8"))
    items = [
        {row[0]: row[1:] for row in item if isinstance(row, list)} for item in project.findall(".//ITEM")
    ]
    for item, track in zip(items, plan.tracks, strict=True):
        assert float(item["POSITION"][0]) == pytest.approx(track.output_start / plan.sample_rate)
        assert float(item["LENGTH"][0]) == pytest.approx(track.output_frames / plan.sample_rate)
        assert float(item["SOFFS"][0]) == pytest.approx(track.start_frame / track.sample_rate, abs=1e-6)
        assert float(item["FADEIN"][2]) == pytest.approx(track.crossfade / plan.sample_rate)
        assert item["NAME"][0].startswith(f"run e{track.epoch} ")
    kinds = [source.attrib[0] for source in project.findall(".//SOURCE")]
    assert kinds == ["WAVE", "WAVE", "FLAC"]


def test_the_timeline_equals_the_tracklist(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    timelines: list[Timeline] = []

    def text(timeline: Timeline, _folder: bytes) -> str:
        timelines.append(timeline)
        return ""

    monkeypatch.setattr("thresher.curation.exports.formats.audacity.label_track", text)
    save_song(catalog, "Bone / Marrow", None, {"lufs": -20.0})
    export_song(catalog, "Bone / Marrow", tmp_path / "song.txt")
    plan, (timeline,) = tracklist(catalog, "Bone / Marrow"), timelines
    rate = plan.sample_rate
    assert (timeline.title, timeline.sample_rate, timeline.channels) == ("Bone / Marrow", rate, plan.channels)
    assert timeline.seconds == pytest.approx(plan.seconds)
    for entry, track in zip(timeline.entries, plan.tracks, strict=True):
        assert (entry.clip, entry.gain, entry.transition) == (track.clip, track.gain, track.transition)
        assert entry.path == os.fsencode(tmp_path / track.path)
        assert entry.start == pytest.approx(track.output_start / rate)
        assert entry.crossfade == pytest.approx(track.crossfade / rate)
    # a clip has no fade of its own where it is crossfaded
    assert [entry.fade_in > 0 for entry in timeline.entries] == [True, False, False]
    assert [entry.fade_out > 0 for entry in timeline.entries] == [False, False, True]


def test_a_rendering_is_exported_as_it_was(catalog: Catalog, tmp_path: Path) -> None:
    render(catalog, "Bone / Marrow", tmp_path / "bone.wav")
    save_song(catalog, "Bone / Marrow", ["epoch:1.."], {"crossfade": 0.0})
    today = export_song(catalog, "Bone / Marrow", tmp_path / "today.json")
    then = export_song(catalog, "Bone / Marrow", tmp_path / "then.json", rendering=1)
    assert (today.clips, today.rendering, then.clips, then.rendering) == (2, None, 3, 1)
    plan, manifest = read_manifest(tmp_path / "then.json")
    assert (len(plan.tracks), manifest.rendering) == (3, 1)
    export_song(catalog, "Bone / Marrow", tmp_path / "then.cue", rendering=1)
    assert 'FILE "bone.wav" WAVE' in (tmp_path / "then.cue").read_text()


def test_an_unchanged_song_is_exported_as_its_last_rendering(catalog: Catalog, tmp_path: Path) -> None:
    render(catalog, "Bone / Marrow", tmp_path / "bone.flac")
    report = export_song(catalog, "Bone / Marrow", tmp_path / "song.cue")
    assert (report.rendering, report.has_audio) == (1, True)
    assert 'FILE "bone.flac"' in (tmp_path / "song.cue").read_text()


def test_an_existing_file_is_not_replaced(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "song.rpp").write_text("edited in REAPER")
    with pytest.raises(UsageError, match="exists; give another file, or --overwrite"):
        export_song(catalog, "Bone / Marrow", tmp_path / "song.rpp")
    assert (tmp_path / "song.rpp").read_text() == "edited in REAPER"
    export_song(catalog, "Bone / Marrow", tmp_path / "song.rpp", overwrite=True)
    assert (tmp_path / "song.rpp").read_text().startswith("<REAPER_PROJECT")


def test_an_unknown_format_is_refused_with_the_known_ones(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"ends in \.cue, \.json, \.m3u8, \.rpp, \.txt"):
        export_song(catalog, "Bone / Marrow", tmp_path / "song.als")
    with pytest.raises(NotFoundError, match="there is no folder"):
        export_song(catalog, "Bone / Marrow", tmp_path / "nowhere/song.cue")
    save_song(catalog, "Skull", ["epoch:9.."])
    with pytest.raises(NotFoundError, match='song "Skull" has no clips'):
        export_song(catalog, "Skull", tmp_path / "song.cue")


def test_missing_files_are_reported_and_stems_need_every_file(catalog: Catalog, tmp_path: Path) -> None:
    (tmp_path / "clips/run_epoch_1_0.wav").unlink()
    report = export_song(catalog, "Bone / Marrow", tmp_path / "song.m3u8")
    assert report.missing == ("clips/run_epoch_1_0.wav",)
    assert "run_epoch_1_0.wav" in (tmp_path / "song.m3u8").read_text()
    with pytest.raises(NotFoundError, match=r"run_epoch_1_0\.wav"):
        export_stems(catalog, "Bone / Marrow", tmp_path / "stems")


# -- stems -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "settings", [{"crossfade": 0.0}, {"crossfade": 0.5}, {"crossfade": 0.0, "gap": 0.3}], ids=str
)
def test_stems_added_at_their_positions_equal_the_song(
    catalog: Catalog, tmp_path: Path, settings: dict[str, float]
) -> None:
    save_song(catalog, "Bone / Marrow", None, {**settings, "subtype": "FLOAT"})
    report = render(catalog, "Bone / Marrow", tmp_path / "bone.wav")
    assert report.limited is None
    stems = export_stems(catalog, "Bone / Marrow", tmp_path / "stems").stems
    mixed = np.zeros((report.frames, report.channels), np.float32)
    for stem, track in zip(stems, tracklist(catalog, "Bone / Marrow").tracks, strict=True):
        y, rate = soundfile.read(tmp_path / "stems" / stem, dtype="float32", always_2d=True)
        assert rate == report.sample_rate
        mixed[track.output_start : track.output_start + len(y)] += y
    song, _ = soundfile.read(tmp_path / "bone.wav", dtype="float32", always_2d=True)
    np.testing.assert_allclose(mixed, song, atol=1e-7)


def test_stems_have_numbers_names_and_tags(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "Bone / Marrow", ["epoch:..0", ",", "epoch:2"], {"crossfade": 0.0})
    report = export_stems(catalog, "Bone / Marrow", tmp_path / "stems")
    assert report.stems == ("001 run e0 run_epoch_0_0 #1.wav", "002 run e2 run_epoch_2_0 #3.wav")
    assert sorted(os.listdir(tmp_path / "stems")) == list(report.stems)
    with soundfile.SoundFile(tmp_path / "stems" / report.stems[1]) as stem:
        assert (stem.title, stem.comment) == ("run e2 run_epoch_2_0 #3", "2 of Bone / Marrow, at 0:04")
        assert stem.subtype == "PCM_16"


def test_stems_of_a_song_with_a_limiter_are_floats(catalog: Catalog, tmp_path: Path) -> None:
    save_song(catalog, "Bone / Marrow", None, {"lufs": 0.0})
    report = export_stems(catalog, "Bone / Marrow", tmp_path / "stems")
    y = [soundfile.read(tmp_path / "stems" / stem)[0] for stem in report.stems]
    assert max(np.abs(each).max() for each in y) > 1


def test_stems_need_an_empty_folder_unless_overwrite(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is not empty"):
        export_stems(catalog, "Bone / Marrow", tmp_path / "clips")
    with pytest.raises(UsageError, match="is not a folder"):
        export_stems(catalog, "Bone / Marrow", tmp_path / "catalog.toml")
    export_stems(catalog, "Bone / Marrow", tmp_path / "stems")
    (tmp_path / "stems/mine.wav").write_bytes(b"mine")
    save_song(catalog, "Bone / Marrow", ["epoch:1.."])
    report = export_stems(catalog, "Bone / Marrow", tmp_path / "stems", overwrite=True)
    # older stems are replaced, other files are not
    assert sorted(os.listdir(tmp_path / "stems")) == [*report.stems, "mine.wav"]
    assert len(report.stems) == 2


def test_file_names_that_are_not_utf8_are_exported(
    catalog: Catalog, write_clip: Any, serial: IngestOptions, tmp_path: Path
) -> None:
    odd = os.fsencode(tmp_path / "clips") + b'/a"\n\xff#.wav'
    write_clip(tmp_path / "clips" / "odd.wav", 50)
    os.rename(tmp_path / "clips" / "odd.wav", odd)
    ingest(catalog, [tmp_path / "clips"], serial)
    save_song(catalog, "Odd", ["id:4"])
    for suffix in FORMATS:
        export_song(catalog, "Odd", tmp_path / f"odd{suffix}")
        (tmp_path / f"odd{suffix}").read_text(encoding="utf-8")
    assert "file://" in (tmp_path / "odd.m3u8").read_text()
    assert json.loads((tmp_path / "odd.json").read_text())["clips"][0]["path"] == 'clips/a"\\x0a\\xff#.wav'
    assert len(export_stems(catalog, "Odd", tmp_path / "stems").stems) == 1


def test_a_cue_sheet_reports_whether_its_audio_file_is_that_of_the_rendering(
    catalog: Catalog, tmp_path: Path
) -> None:
    render(catalog, "Bone / Marrow", tmp_path / "bone.wav")
    save_song(catalog, "Bone / Marrow", ["epoch:1.."])
    render(catalog, "Bone / Marrow", tmp_path / "bone.wav")
    assert export_song(catalog, "Bone / Marrow", tmp_path / "new.cue").has_audio
    assert export_song(catalog, "Bone / Marrow", tmp_path / "old.cue", rendering=1).has_audio is False
