"""Exports of songs: files and stems agree with the tracklist of today or of a rendering."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rpp
import soundfile
from sqlalchemy import delete, select

from tests.support import RATE, MakeSound, WriteClip, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import output
from thresher.curation.clips.listing import list_clips
from thresher.curation.exports.clips import export_clips
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
from thresher.formatting import any_of


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
    assert report.has_audio is (False if FORMATS[suffix].names_audio else None)
    text = (tmp_path / f"song{suffix}").read_text(encoding="utf-8")
    assert text.count("run_epoch_") >= 3
    assert {*os.listdir(tmp_path)} - {"catalog.db"} == {"catalog.toml", "clips", f"song{suffix}"}


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
    with pytest.raises(UsageError, match="exists with other contents; give another name, or --overwrite"):
        export_song(catalog, "Bone / Marrow", tmp_path / "song.rpp")
    assert (tmp_path / "song.rpp").read_text() == "edited in REAPER"
    export_song(catalog, "Bone / Marrow", tmp_path / "song.rpp", overwrite=True)
    assert (tmp_path / "song.rpp").read_text().startswith("<REAPER_PROJECT")


def test_an_unknown_format_is_refused_with_the_known_ones(catalog: Catalog, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=re.escape(f"ends in {any_of(FORMATS)})")):
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


def test_stems_never_replace_or_remove_clips(
    catalog: Catalog, serial: IngestOptions, tmp_path: Path, write_clip: WriteClip
) -> None:
    """Catalogued clips in the folder: one where a stem would go, one named like an old stem."""
    folder = tmp_path / "stems"
    names = export_stems(catalog, "Bone / Marrow", folder).stems
    for stem in folder.iterdir():
        stem.unlink()
    clips = [folder / names[0], folder / "009 run e9 x #9.wav"]
    for seed, path in enumerate(clips, start=90):
        write_clip(path, seed)
    ingest(catalog, [folder], serial)
    before = {path: path.read_bytes() for path in clips}
    with pytest.raises(UsageError, match="is clip 4 of the catalog, which is never replaced"):
        export_stems(catalog, "Bone / Marrow", folder, overwrite=True)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before
    (folder / names[0]).rename(tmp_path / "moved.wav")
    ingest(catalog, [tmp_path / "moved.wav"], serial)
    report = export_stems(catalog, "Bone / Marrow", folder, overwrite=True)
    assert report.kept == ("009 run e9 x #9.wav",)
    assert (folder / report.kept[0]).read_bytes() == before[folder / report.kept[0]]


def test_no_file_is_touched_while_a_transaction_is_open(
    catalog: Catalog, tmp_path: Path, touched_in_transactions: list[str]
) -> None:
    export_song(catalog, "Bone / Marrow", tmp_path / "song.cue")
    folder = tmp_path / "stems"
    names = export_stems(catalog, "Bone / Marrow", folder).stems
    (folder / names[0]).rename(folder / "009 run e9 x #9.wav")
    export_stems(catalog, "Bone / Marrow", folder, overwrite=True)
    assert not (folder / "009 run e9 x #9.wav").exists()
    assert touched_in_transactions == []


def test_old_stems_are_removed_by_content_or_tags_and_other_files_of_that_name_stay(
    catalog: Catalog, tmp_path: Path
) -> None:
    folder = tmp_path / "stems"
    names = export_stems(catalog, "Bone / Marrow", folder).stems
    (folder / names[2]).rename(folder / "008 run e8 renamed #8.wav")
    (folder / "009 mine #9.wav").write_bytes(b"mine")
    save_song(catalog, "Bone / Marrow", ["epoch:1"])
    with writing(catalog) as connection:
        connection.execute(delete(output))  # an older program noted none
    report = export_stems(catalog, "Bone / Marrow", folder, overwrite=True)
    assert sorted(os.listdir(folder)) == sorted([*report.stems, "009 mine #9.wav"])
    assert report.kept == ("009 mine #9.wav",)


def test_interrupted_stems_are_completed_without_overwrite(catalog: Catalog, tmp_path: Path) -> None:
    folder = tmp_path / "stems"

    def interrupt(*_progress: object) -> None:
        if len(list(folder.glob("*.wav"))) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        export_stems(catalog, "Bone / Marrow", folder, progress=interrupt)
    assert len(os.listdir(folder)) == 2
    (folder / "003 x.wav.99999999.part").touch()
    (folder / ".DS_Store").touch()
    report = export_stems(catalog, "Bone / Marrow", folder)
    whole = export_stems(catalog, "Bone / Marrow", tmp_path / "whole")
    for name in report.stems:
        assert (folder / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert report.stems == whole.stems
    assert export_stems(catalog, "Bone / Marrow", folder).stems == report.stems  # done already
    (folder / report.stems[1]).write_bytes(b"edited")
    with pytest.raises(UsageError, match="exists with other contents"):
        export_stems(catalog, "Bone / Marrow", folder)
    assert (folder / report.stems[1]).read_bytes() == b"edited"


def test_stems_and_renderings_in_an_ingested_folder_are_reported_and_not_added(
    catalog: Catalog, serial: IngestOptions, tmp_path: Path
) -> None:
    export_stems(catalog, "Bone / Marrow", tmp_path / "clips/stems")
    export_clips(catalog, ["1", ",", "3"], tmp_path / "clips/cut", form="trimmed")
    render(catalog, "Bone / Marrow", tmp_path / "clips/song.wav")
    report = ingest(catalog, [tmp_path / "clips"], serial)
    assert (report.added, report.copies, report.exports, report.renderings) == (0, 0, 5, 1)
    again = tmp_path / "clips/renamed.wav"
    next((tmp_path / "clips/stems").iterdir()).rename(again)
    assert ingest(catalog, [again], serial).exports == 1


def test_an_exported_clip_with_the_content_of_a_recording_stays_a_clip(
    catalog: Catalog, serial: IngestOptions, tmp_path: Path, sound: MakeSound
) -> None:
    """As an older catalog has it, which ingested its own exports."""
    silence = np.zeros((RATE, 1), np.float32)
    padded = tmp_path / "padded/run_epoch_7_0.wav"
    padded.parent.mkdir()
    soundfile.write(padded, np.concatenate([silence, sound(77), silence]), RATE)
    ingest(catalog, [padded.parent], serial)
    (clip_id,) = (row.id for row in list_clips(catalog, ["epoch:7"]))
    export_clips(catalog, [str(clip_id)], tmp_path / "cut", form="trimmed")
    with writing(catalog) as connection:
        noted = connection.execute(select(output)).all()
        connection.execute(delete(output))
    assert [row.kind for row in noted] == ["clip"]
    assert ingest(catalog, [tmp_path / "cut"], serial).added == 1
    export_clips(catalog, [str(clip_id)], tmp_path / "cut2", form="trimmed")
    report = ingest(catalog, [tmp_path / "cut2"], serial)
    assert (report.copies, report.exports) == (1, 0)


def test_a_stem_whose_file_changes_while_it_is_read_is_not_written(
    catalog: Catalog, tmp_path: Path, write_clip: WriteClip
) -> None:
    def meanwhile(*_progress: object) -> None:
        write_clip(tmp_path / "clips/run_epoch_1_0.wav", 99, 8.0, rate=22_050, channels=2)

    with pytest.raises(NotFoundError, match="1 file changed while the song was made"):
        export_stems(catalog, "Bone / Marrow", tmp_path / "stems", progress=meanwhile)
    assert len(list((tmp_path / "stems").iterdir())) == 1
