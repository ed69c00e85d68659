"""How an ingest stores files: recordings, moves, copies, checkpoints and attributes."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import select

from tests.support import RATE, counts, dump, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import (
    attribute,
    checkpoint,
    location,
    output,
    recording,
    rendering,
)
from thresher.curation.checkpoints.summary import checkpoints
from thresher.curation.clips import decisions as judging
from thresher.curation.clips.detail import show_clip
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest.forget import forget
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions


def test_two_files_with_the_same_content_are_one_recording(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    shutil.copy(six_clips / "death_epoch_10_0.wav", six_clips / "copy.wav")
    assert counts(ingest(catalog, [six_clips], serial)) == {"added": 6, "copies": 1}
    places = [place.path for place in show_clip(catalog, "clips/copy.wav").locations]
    assert sorted(places) == ["clips/copy.wav", "clips/death_epoch_10_0.wav"]


def test_identical_silence_of_three_epochs_counts_in_each_checkpoint(
    catalog: Catalog, tmp_path: Path, serial: IngestOptions
) -> None:
    for epoch in (1, 2, 3):
        soundfile.write(tmp_path / f"run_epoch_{epoch}_0.wav", np.zeros(RATE * 4, np.int16), RATE)
    ingest(catalog, [tmp_path], serial)
    rows = checkpoints(catalog)
    assert [(row.epoch, row.files, dict(row.statuses)) for row in rows] == [
        (epoch, 1, {"silent": 1.0}) for epoch in (1, 2, 3)
    ]
    (tmp_path / "run_epoch_2_0.wav").unlink()
    ingest(catalog, [tmp_path], serial)
    assert [(row.epoch, row.files, row.missing) for row in checkpoints(catalog)] == [
        (1, 1, 0),
        (2, 1, 1),
        (3, 1, 0),
    ]


def test_a_moved_folder_keeps_ids_ratings_and_scores(
    catalog: Catalog, six_clips: Path, tmp_path: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    judging.rate(catalog, ["1"], 5)
    before = dump(catalog, times=False, without=("location", "batch", "safeguard"))
    six_clips.rename(tmp_path / "elsewhere")
    report = ingest(catalog, [tmp_path / "elsewhere"], serial)
    assert counts(report) == {"moved": 6}
    assert report.scoring is not None
    assert report.scoring.pairs == 0
    assert dump(catalog, times=False, without=("location", "batch", "safeguard")) == before
    assert {row.path for row in list_clips(catalog)} == {
        f"elsewhere/death_epoch_{epoch}_{index}.wav" for epoch in (10, 20, 30) for index in (0, 1)
    }
    assert [row.files for row in checkpoints(catalog)] == [2, 2, 2]


def test_a_new_name_without_an_epoch_keeps_the_known_checkpoint(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    (six_clips / "death_epoch_10_0.wav").rename(six_clips / "favourite.wav")
    (six_clips / "death_epoch_20_0.wav").rename(six_clips / "death_epoch_21_0.wav")
    ingest(catalog, [six_clips], serial)
    assert (show_clip(catalog, "1").clip.run, show_clip(catalog, "1").clip.epoch) == ("death", 10)
    assert show_clip(catalog, "3").clip.epoch == 21


def test_a_tagged_wav_that_was_archived_when_its_flac_was_made_is_a_copy_at_once(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    """The FLAC takes the WAV's place in the catalog, and then nothing there has the content of the tagged WAV."""
    settings = replace(catalog.settings.ingest, group=1, settle=0.0)
    catalog.settings = replace(catalog.settings, ingest=settings)
    ingest(catalog, [six_clips], serial)
    original = six_clips / "death_epoch_10_0.wav"
    y, sr = soundfile.read(original, dtype="int16")
    with soundfile.SoundFile(original, "w", sr, 1, "PCM_16") as tagged:
        tagged.title = "riff"
        tagged.write(y)
    assert counts(ingest(catalog, [six_clips], serial)) == {"retagged": 1, "unchanged": 5}
    original.rename(six_clips / "old.wav")
    soundfile.write(six_clips / "death_epoch_10_0.flac", y, sr)
    report = ingest(catalog, [six_clips], serial)
    assert report.failures == ()
    assert counts(report) == {"copies": 1, "moved": 1, "unchanged": 5}
    present = [place.path for place in show_clip(catalog, "1").locations if place.missing_since is None]
    assert sorted(present) == ["clips/death_epoch_10_0.flac", "clips/old.wav"]


def test_swapped_files_keep_their_recordings(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    first, second, spare = (
        six_clips / "death_epoch_10_0.wav",
        six_clips / "death_epoch_30_1.wav",
        six_clips / "spare",
    )
    first.rename(spare)
    second.rename(first)
    spare.rename(second)
    report = ingest(catalog, [six_clips], serial)
    assert report.added == 0
    assert show_clip(catalog, "1").locations[0].path == "clips/death_epoch_30_1.wav"
    assert [place.missing_since for place in show_clip(catalog, "1").locations].count(None) == 1
    assert [row.missing for row in list_clips(catalog)] == [False] * 6


def test_other_content_at_a_known_path_is_a_new_recording(
    catalog: Catalog, six_clips: Path, write_clip: Any, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    judging.rate(catalog, ["1"], 5)
    write_clip(six_clips / "death_epoch_10_0.wav", 999)
    assert counts(ingest(catalog, [six_clips], serial)) == {"added": 1, "unchanged": 5}
    old, new = show_clip(catalog, "1"), show_clip(catalog, "7")
    assert (old.clip.missing, old.clip.rating) == (True, 5)
    assert (new.clip.missing, new.clip.rating, new.clip.epoch) == (False, None, 10)


def test_a_restored_file_is_no_longer_missing(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    content = (six_clips / "death_epoch_10_0.wav").read_bytes()
    (six_clips / "death_epoch_10_0.wav").unlink()
    assert counts(ingest(catalog, [six_clips], serial)) == {"missing": 1, "unchanged": 5}
    assert show_clip(catalog, "1").clip.missing
    (six_clips / "death_epoch_10_0.wav").write_bytes(content)
    assert counts(ingest(catalog, [six_clips], serial)) == {"returned": 1, "unchanged": 5}
    assert not show_clip(catalog, "1").clip.missing
    assert len(show_clip(catalog, "1").locations) == 1


def test_a_clip_overwritten_by_a_rendering_is_missing(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    from thresher.curation.renderings.render import render
    from thresher.curation.songs.songs import save_song

    ingest(catalog, [six_clips], serial)
    save_song(catalog, "S", ["epoch:10.."])
    render(catalog, "S", six_clips / "song.wav")
    (six_clips / "song.wav").replace(six_clips / "death_epoch_10_0.wav")
    report = ingest(catalog, [six_clips], serial)
    assert (report.renderings, report.added, report.unchanged) == (1, 0, 5)
    assert show_clip(catalog, "1").clip.missing


def test_a_rendering_in_the_place_of_a_file_that_could_not_be_opened_overwrites_nothing(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    from thresher.curation.renderings.render import render
    from thresher.curation.songs.songs import save_song

    fifo = six_clips / "song.wav"
    os.mkfifo(fifo)
    ingest(catalog, [six_clips], serial)
    save_song(catalog, "S", ["epoch:10.."])
    render(catalog, "S", six_clips.parent / "song.wav")
    fifo.unlink()
    (six_clips.parent / "song.wav").replace(fifo)
    lost, copied = (six_clips / f"death_epoch_{epoch}_0.wav" for epoch in (10, 20))
    lost.unlink()
    shutil.copy(copied, lost)
    report = ingest(catalog, [six_clips], serial)
    assert (report.renderings, [each.clips for each in report.overwritten]) == (1, [(1,)])


def test_a_clip_with_the_content_of_a_rendering_stays_a_clip(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    from thresher.curation.renderings.render import render
    from thresher.curation.songs.songs import save_song

    ingest(catalog, [six_clips], serial)
    save_song(catalog, "S", ["epoch:10.."])
    song = six_clips / "song.wav"
    sha256 = render(catalog, "S", song).sha256
    forget_outputs(catalog)
    ingest(catalog, [six_clips], serial)
    with writing(catalog) as connection:
        connection.execute(rendering.update().values(sha256=sha256))
    os.utime(song, (1, 1))
    assert counts(ingest(catalog, [six_clips], serial)) == {"unchanged": 7}
    assert not show_clip(catalog, "7").clip.missing


def forget_outputs(catalog: Catalog) -> None:
    """Forget what was rendered, as earlier programs did if they were interrupted after writing."""
    with writing(catalog) as connection:
        connection.execute(output.delete())
        connection.execute(rendering.update().values(sha256=""))


def test_checkpoints_are_unique_even_with_nulls(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    with catalog.reading() as connection:
        known = connection.execute(select(checkpoint.c.run, checkpoint.c.epoch, checkpoint.c.step)).all()
    assert sorted(map(tuple, known)) == [("death", 10, None), ("death", 20, None), ("death", 30, None)]
    with pytest.raises(Exception, match=r"(?i)unique"), writing(catalog) as connection:
        connection.execute(checkpoint.insert().values(run="death", epoch=10))


def checkpoint_by_the_rule(catalog: Catalog) -> dict[int, int | None]:
    """Return each recording's checkpoint: that of its earliest location that names an epoch, else a run."""
    with catalog.reading() as connection:
        rows = connection.execute(
            select(location.c.recording_id, location.c.checkpoint_id)
            .outerjoin_from(location, checkpoint, checkpoint.c.id == location.c.checkpoint_id)
            .order_by(checkpoint.c.epoch.is_(None), location.c.id)
        ).all()
    found: dict[int, int | None] = {}
    for recording_id, checkpoint_id in rows:
        if recording_id is not None and found.get(recording_id) is None:
            found[recording_id] = checkpoint_id
    return found


def test_a_copy_in_a_folder_of_favourites_does_not_take_the_epoch(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions
) -> None:
    """The folder names a run for the copy, which comes first, and no epoch."""
    write_clip(tmp_path / "runs" / "night" / "night_epoch_10_0.wav", 1, 0.3)
    (tmp_path / "runs" / "best").mkdir()
    shutil.copy(tmp_path / "runs" / "night" / "night_epoch_10_0.wav", tmp_path / "runs" / "best" / "a.wav")
    ingest(catalog, [tmp_path / "runs"], serial)
    (row,) = list_clips(catalog, ["epoch:10"])
    assert (row.run, row.epoch) == ("night", 10)
    detail = show_clip(catalog, str(row.id))
    assert [(at.run, at.epoch) for at in detail.locations] == [("best", None), ("night", 10)]
    assert not detail.checkpoints_disagree


@pytest.mark.parametrize("seed", range(4))
def test_the_stored_checkpoint_is_that_of_the_earliest_location(
    catalog: Catalog, tmp_path: Path, write_clip: Any, serial: IngestOptions, seed: int
) -> None:
    generator = np.random.default_rng(seed)
    folder = tmp_path / "clips"
    names = [f"run_epoch_{epoch}_0.wav" for epoch in range(6)] + ["plain.wav", "other.wav"]
    for _ in range(5):
        name = names[int(generator.integers(len(names)))]
        if generator.uniform() < 0.3 and (folder / name).exists():
            (folder / name).unlink()
        else:
            write_clip(folder / name, int(generator.integers(3)), 0.3)
        ingest(catalog, [folder], replace(serial, mark_missing=True))
        if generator.uniform() < 0.3:
            with catalog.reading() as connection:
                missing = list(
                    connection.scalars(
                        select(location.c.path_text).where(location.c.missing_since.is_not(None))
                    )
                )
            for path in missing[:1]:
                forget(catalog, str(catalog.root / path))
        with catalog.reading() as connection:
            stored = {
                row.id: row.checkpoint_id
                for row in connection.execute(select(recording.c.id, recording.c.checkpoint_id))
            }
        by_rule = checkpoint_by_the_rule(catalog)
        assert stored == {recording_id: by_rule.get(recording_id) for recording_id in stored}


def test_an_ingest_never_overwrites_a_correction(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], serial)
    judging.modify(catalog, ["1"], {"epoch": "50", "temperature": "0.5"})
    (six_clips / "death_epoch_10_0.wav").rename(six_clips / "death_epoch_11_0.wav")
    shutil.copy(six_clips / "death_epoch_11_0.wav", six_clips / "death_epoch_12_0.wav")
    ingest(catalog, [six_clips], replace(serial, attributes={"temperature": "0.9"}))
    found = show_clip(catalog, "1")
    assert (found.clip.epoch, found.checkpoint_pinned) == (50, True)
    assert [row.id for row in list_clips(catalog, "temperature:0.5")] == [1]
    assert 1 not in [row.id for row in list_clips(catalog, "temperature:0.9")]
    judging.undo(catalog)
    assert show_clip(catalog, "1").clip.epoch == 11


def test_attributes_are_stored_with_their_numeric_values(
    catalog: Catalog, six_clips: Path, serial: IngestOptions
) -> None:
    ingest(catalog, [six_clips], replace(serial, attributes={"temperature": "0.95", "mood": "nan"}))
    with catalog.reading() as connection:
        rows = connection.execute(
            select(attribute.c.key, attribute.c.text, attribute.c.number).distinct()
        ).all()
    known = {row.key: (row.text, row.number) for row in rows if row.key != "index"}
    assert known == {"temperature": ("0.95", 0.95), "mood": ("nan", None)}
