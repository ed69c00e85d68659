"""Recordings with parts and marks are analysed again: by `reanalyse`, by an ingest, by a repair, by a catch-up."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from sqlalchemy import select, update

from tests.curation.cutting.cuts import mark_recording
from tests.support import PREFIX_ONLY, RATE, dump, writing
from thresher.catalog.catalog import Catalog
from thresher.catalog.database.schema import clip, recording
from thresher.curation.analysis.task import Unsettled
from thresher.curation.clips.decisions import rate
from thresher.curation.clips.listing import list_clips
from thresher.curation.ingest import reading
from thresher.curation.ingest.catch_up import catch_up
from thresher.curation.ingest.ingest import ingest
from thresher.curation.ingest.options import IngestOptions
from thresher.curation.ingest.reanalyse import reanalyse
from thresher.curation.ingest.verify import verify
from thresher.curation.songs.songs import save_song
from thresher.signal.features.trim import Span

QUIET = 0.004
"""The gain of the second sound, which `floor_db = -50` takes for silence."""


@pytest.fixture
def shelf(catalog: Catalog, tmp_path: Path, sound: Any) -> Catalog:
    """Clip 1 holds sounds at 0 to 3, 4 to 7 (quiet) and 8 to 11 s; parts 2 to 4. Clip 5 marks 6 to 11 s."""
    gap = np.zeros((RATE, 1), np.float32)
    y = np.concatenate([sound(1, 3.0), gap, QUIET * sound(2, 3.0), gap, sound(3, 3.0)])
    soundfile.write(tmp_path / "long.wav", y, RATE, subtype="FLOAT")
    ingest(catalog, [tmp_path], IngestOptions(executor="serial", split=True))
    mark_recording(catalog, 1, Span(6 * RATE, 11 * RATE), "end")
    return catalog


def with_settings(catalog: Catalog, text: str) -> Catalog:
    catalog.close()
    (catalog.root / "catalog.toml").write_text(PREFIX_ONLY + text)
    return Catalog.open(catalog.root / "catalog.toml")


def ids(catalog: Catalog, query: str = "") -> list[int]:
    return sorted(row.id for row in list_clips(catalog, query))


def blobs(catalog: Catalog) -> list[Any]:
    with catalog.reading() as connection:
        columns = (clip.c.id, clip.c.start_frame, clip.c.end_frame, clip.c.fingerprint)
        return list(connection.execute(select(*columns).order_by(clip.c.id)))


def test_reanalysing_with_the_same_settings_changes_nothing(shelf: Catalog) -> None:
    before = dump(shelf)
    report = reanalyse(shelf, executor="serial")
    assert (report.analysed, report.changed, report.notes) == (1, 0, ())
    assert dump(shelf) == before


def test_other_trim_settings_split_again_and_parts_keep_their_ids(shelf: Catalog) -> None:
    rate(shelf, ["3"], 5)
    rate(shelf, ["4"], 4)
    save_song(shelf, "mix", "rating:4..")
    with with_settings(shelf, "[trim]\nfloor_db = -50.0\n") as catalog:
        report = reanalyse(catalog, executor="serial")
        assert report.notes == (
            'recording of clip 1: clip 3 (4.00 to 7.00 s; rated 5, in song "mix") is not found by its split any '
            "more; its judgements are kept",
        )
        assert ids(catalog) == [2, 4, 5]
        assert ids(catalog, "rating:4..") == [4]
    with with_settings(catalog, "") as catalog:
        reanalyse(catalog, executor="serial")
        assert ids(catalog) == [2, 3, 4, 5]
        assert ids(catalog, "rating:5") == [3]


def test_an_ingest_after_a_change_of_the_trim_settings_does_the_same(shelf: Catalog, tmp_path: Path) -> None:
    with with_settings(shelf, "[trim]\nfloor_db = -50.0\n") as catalog:
        report = ingest(catalog, [tmp_path], IngestOptions(executor="serial"))
        assert report.reanalysed == 1
        assert any("1 part not found by its split any more" in each for each in report.warnings)
        assert ids(catalog) == [2, 4, 5]


def write_title(path: Path) -> None:
    """Write a tag into a file; its audio stays."""
    y, _ = soundfile.read(path, dtype="float32")
    with soundfile.SoundFile(path, "w", RATE, 1, "FLOAT") as file:
        file.title = "long"
        file.write(y)


@pytest.mark.parametrize("is_tagged", [False, True])
def test_a_dry_run_counts_a_recording_with_parts_that_will_be_analysed_again(
    shelf: Catalog, tmp_path: Path, is_tagged: bool
) -> None:
    if is_tagged:
        write_title(tmp_path / "long.wav")
    with with_settings(shelf, "[trim]\nfloor_db = -50.0\n") as catalog:
        reports = [
            ingest(catalog, [tmp_path], IngestOptions(executor="serial", dry_run=dry_run))
            for dry_run in (True, False)
        ]
    assert [(each.reanalysed, each.retagged, each.failures) for each in reports] == [(1, is_tagged, ())] * 2


def test_a_file_that_changes_before_it_is_analysed_again_is_reported(
    shelf: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_title(tmp_path / "long.wav")
    real, results = reading.analyse_file, iter([None, Unsettled()])
    monkeypatch.setattr(reading, "analyse_file", lambda task: next(results) or real(task))
    with with_settings(shelf, "[trim]\nfloor_db = -50.0\n") as catalog:
        report = ingest(catalog, [tmp_path], IngestOptions(executor="serial"))
        assert (report.retagged, report.reanalysed) == (1, 0)
        assert [each.status for each in report.failures] == ["unsettled"]
        monkeypatch.undo()
        assert ingest(catalog, [tmp_path], IngestOptions(executor="serial")).reanalysed == 1


def test_one_ingest_analyses_a_file_again_that_was_tagged_after_the_change(
    shelf: Catalog, tmp_path: Path
) -> None:
    write_title(tmp_path / "long.wav")
    with with_settings(shelf, "[trim]\nfloor_db = -50.0\n") as catalog:
        report = ingest(catalog, [tmp_path], IngestOptions(executor="serial"))
        assert (report.retagged, report.reanalysed, report.failures) == (1, 1, ())
        assert ids(catalog) == [2, 4, 5]
        again = ingest(catalog, [tmp_path], IngestOptions(executor="serial"))
        assert (again.unchanged, again.reanalysed) == (1, 0)


def test_a_recording_in_which_nothing_is_split_any_more_is_one_clip_again(shelf: Catalog) -> None:
    with writing(shelf) as connection:
        connection.execute(update(recording).values(split='{"silence":5.0}'))
    reanalyse(shelf, executor="serial")
    assert ids(shelf) == [1, 5]


def test_parts_of_a_recording_that_is_silent_now_are_silent(shelf: Catalog) -> None:
    with with_settings(shelf, "[trim]\nfloor_db = -1.0\n") as catalog:
        reanalyse(catalog, executor="serial")
        assert ids(catalog) == []
        assert ids(catalog, "status:silent kind:part") == [2, 3, 4]
        assert ids(catalog, "status:silent kind:marked") == [5]
    with with_settings(catalog, "") as catalog:
        reanalyse(catalog, executor="serial")
        assert ids(catalog) == [2, 3, 4, 5]


def test_damage_of_a_part_is_repaired(shelf: Catalog) -> None:
    before = blobs(shelf)
    with writing(shelf) as connection:
        connection.execute(update(clip).where(clip.c.id == 3).values(fingerprint=b"damaged!"))
    report = verify(shelf, repair=True)
    assert (report.fingerprints, report.is_repaired) == ((3,), True)
    assert blobs(shelf) == before


def test_what_parts_lack_is_computed_and_their_spans_stay(shelf: Catalog) -> None:
    before = blobs(shelf)
    shelf.close()
    (shelf.root / "catalog.toml").write_text('[metrics]\nuse = ["likeness"]\n[trim]\nfloor_db = -50.0\n')
    with Catalog.open(shelf.root / "catalog.toml") as catalog:
        catch_up(catalog, executor="serial")
        assert blobs(catalog) == before
        with catalog.reading() as connection:
            assert None not in connection.scalars(select(clip.c.descriptor)).all()


def test_marks_are_clipped_where_the_recording_ends(shelf: Catalog) -> None:
    """Analysed up to 9 seconds, the recording ends within the mark."""
    with with_settings(shelf, "[audio]\nmax_length = 9\n") as catalog:
        report = reanalyse(catalog, executor="serial")
        assert (
            'recording of clip 1: mark 5 "end" ends at 9.00 s now, where the recording ends' in report.notes
        )
        assert blobs(catalog)[4][1:3] == (6 * RATE, 9 * RATE)
    with with_settings(catalog, "[audio]\nmax_length = 5\n") as catalog:
        report = reanalyse(catalog, executor="serial")
        assert any('mark 5 "end" lies beyond the end' in note for note in report.notes)
        assert 5 not in ids(catalog)
